package proxy

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func TestFlagOf(t *testing.T) {
	cause := errors.New("cause")
	dial := func(err error) error { return fmt.Errorf("open: %w", &tunnel.DialError{Err: err}) }
	for _, c := range []struct {
		stage telemetry.Stage
		err   error
		want  telemetry.Flag
	}{
		{telemetry.StagePolicy, &refusal{401, &PolicyError{mesh.Decision{Reason: mesh.ReasonDenied, Policy: "a/no"}}}, telemetry.FlagDeny},
		{telemetry.StageRelay, &PolicyChangeError{}, telemetry.FlagDeny},
		{telemetry.StageVerify, cause, telemetry.FlagTLS},
		{telemetry.StageVerify, identity.ErrNoSVID, telemetry.FlagIdentity},
		{telemetry.StageDeliver, &refusal{503, &netns.Error{Op: netns.OpConnect, Err: cause}}, telemetry.FlagConnect},
		{telemetry.StageDial, &netns.Error{Op: netns.OpConnect, Err: cause}, telemetry.FlagConnect},
		{telemetry.StageDial, &budget.Error{Resource: budget.Dials}, telemetry.FlagNone},
		{telemetry.StageTunnel, dial(&netns.Error{Op: netns.OpConnect, Err: cause}), telemetry.FlagConnect},
		{telemetry.StageTunnel, dial(&SilentError{Err: &netns.Error{Op: netns.OpConnect, Err: context.DeadlineExceeded}}), telemetry.FlagNetworkPolicy},
		{telemetry.StageTunnel, dial(&HandshakeError{Err: cause}), telemetry.FlagTLS},
		{telemetry.StageTunnel, dial(&HandshakeError{Err: &identity.ExpiredError{}}), telemetry.FlagIdentity},
		{telemetry.StageTunnel, dial(cause), telemetry.FlagH2},
		{telemetry.StageTunnel, &tunnel.StatusError{Status: 401}, telemetry.FlagDeny},
		{telemetry.StageTunnel, &tunnel.StatusError{Status: 503}, telemetry.FlagConnect},
		{telemetry.StageTunnel, ErrAbandoned, telemetry.FlagNone},
		{telemetry.StageRelay, &RelayError{Leg: "a", Op: "read", Err: cause}, telemetry.FlagNone},
		{telemetry.StageRelay, ErrDrained, telemetry.FlagNone},
	} {
		if got := flagOf(c.stage, &Error{Stage: c.stage, Err: c.err}); got != c.want {
			t.Errorf("%s: %v: %v, want %v", c.stage, c.err, got, c.want)
		}
	}
}
