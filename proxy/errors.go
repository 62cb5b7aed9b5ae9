package proxy

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Error says on which side and at which stage a connection failed.
type Error struct {
	Direction telemetry.Direction
	Stage     telemetry.Stage
	Err       error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Direction, e.Stage, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// ErrDrained ends connections that outlived the drain deadline.
var ErrDrained = errors.New("connection closed due to connection drain")

// ErrUnknownDestination means that nobody could say within the time allowed
// whether the destination is in the mesh. It is never treated as passthrough.
var ErrUnknownDestination = errors.New("destination unknown: no complete view of the mesh yet")

// ErrNoAnswer means that the peer took the CONNECT and never answered it.
var ErrNoAnswer = errors.New("the peer did not answer the CONNECT in time")

// OwnPortError rejects a connection to one of the proxy's own ports: relaying it
// would call ourselves for ever.
type OwnPortError struct{ Address netip.AddrPort }

func (e *OwnPortError) Error() string {
	return fmt.Sprintf("attempted recursive call to ourselves: %s", e.Address)
}

// NoUpstreamError means that the mesh knows the destination, but not how to get there.
type NoUpstreamError struct {
	Destination netip.AddrPort
	Service     string // host name, if the destination is a service's
	Refusal     mesh.Refusal
	Text        string
}

func (e *NoUpstreamError) Error() string {
	if e.Service == "" {
		return fmt.Sprintf("%s: %s", e.Destination, e.Text)
	}
	return fmt.Sprintf("%s: %s", e.Service, e.Text)
}

// Reason is the record's word for it.
func (e *NoUpstreamError) Reason() string { return string(e.Refusal) }

// PolicyError is a denied connection.
type PolicyError struct{ Decision mesh.Decision }

func (e *PolicyError) Error() string {
	return "connection closed due to policy rejection: " + e.Decision.String()
}

// Reason is one word for logs and metrics.
func (e *PolicyError) Reason() string { return string(e.Decision.Reason) }

// PolicyChangeError ends a connection that was allowed when it began and is not any more.
type PolicyChangeError struct{ Decision mesh.Decision }

func (e *PolicyChangeError) Error() string {
	return "connection closed due to policy change: " + e.Decision.String()
}

// Reason is one word for logs and metrics.
func (e *PolicyChangeError) Reason() string { return "policy-change" }

// HandshakeError means that there is a connection to a peer, but no TLS in it.
type HandshakeError struct {
	Address netip.AddrPort
	Err     error
}

func (e *HandshakeError) Error() string { return fmt.Sprintf("TLS with %s: %v", e.Address, e.Err) }
func (e *HandshakeError) Unwrap() error { return e.Err }

// SilentError means that nobody answers at a peer's HBONE port, neither yes nor no.
type SilentError struct {
	Address netip.AddrPort
	Err     error
	hurried bool // it had less time than others would have
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("connection to %s timed out, maybe a NetworkPolicy is blocking HBONE port %d: %v", e.Address, e.Address.Port(), e.Err)
}
func (e *SilentError) Unwrap() error { return e.Err }
