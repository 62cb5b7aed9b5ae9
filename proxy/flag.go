package proxy

import (
	"errors"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// flagOf puts the end of a connection into the words that Istio's metrics have for it.
// What is of our own making (a budget, a drain, a client that left) has none.
func flagOf(stage telemetry.Stage, err error) telemetry.Flag {
	var denied *PolicyError
	var cut *PolicyChangeError
	var changed *PolicyChangeError
	var overBudget *budget.Error
	var expired *identity.ExpiredError
	switch {
	case errors.As(err, &denied), errors.As(err, &cut), errors.As(err, &changed):
		return telemetry.FlagDeny
	case errors.As(err, &overBudget), errors.Is(err, ErrAbandoned), errors.Is(err, ErrDrained):
		return telemetry.FlagNone
	case errors.Is(err, identity.ErrNoSVID), errors.As(err, &expired):
		return telemetry.FlagIdentity
	}
	switch stage {
	case telemetry.StageVerify:
		return telemetry.FlagTLS
	case telemetry.StageDial, telemetry.StageDeliver:
		return telemetry.FlagConnect
	case telemetry.StageTunnel:
		return tunnelFlag(err)
	}
	return telemetry.FlagNone
}

func tunnelFlag(err error) telemetry.Flag {
	var silent *SilentError
	var handshake *HandshakeError
	var unconnected *netns.Error
	var dial *tunnel.DialError
	var status *tunnel.StatusError
	switch {
	case errors.As(err, &silent):
		return telemetry.FlagNetworkPolicy
	case errors.As(err, &handshake):
		return telemetry.FlagTLS
	case errors.As(err, &unconnected):
		return telemetry.FlagConnect
	case errors.As(err, &dial):
		return telemetry.FlagH2 // connected and encrypted, and no tunnel all the same
	case !errors.As(err, &status):
	case status.Status == hbone.StatusUnauthorized:
		return telemetry.FlagDeny // the far end's policy
	case status.Status == hbone.StatusUnavailable:
		return telemetry.FlagConnect // the far end could not connect
	}
	return telemetry.FlagNone
}
