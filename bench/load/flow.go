package load

import (
	"fmt"
	"net/netip"
	"time"
)

// Kinds of a flow.
const (
	New    = "new"    // one connection per request
	Reused = "reused" // one long-lived connection
)

// DefaultTimeout is how long after its planned time a request may be answered
// when the flow does not say.
const DefaultTimeout = 2 * time.Second

// Bounds of what a command may ask for: they keep a mistyped period from turning
// the sampler into the fault.
const (
	minPeriod  = time.Millisecond
	maxPeriod  = time.Minute
	maxTimeout = time.Minute
	maxFlows   = 1024
)

// Flow is one stream of planned requests from this pod to one address.
// Durations are nanoseconds in JSON.
type Flow struct {
	ID      int            `json:"id"`
	Kind    string         `json:"kind"` // New or Reused
	Target  netip.AddrPort `json:"target"`
	Period  time.Duration  `json:"period"`            // between planned sends
	Offset  time.Duration  `json:"offset"`            // of the first send, after the start
	Timeout time.Duration  `json:"timeout,omitempty"` // zero: DefaultTimeout
	// ExpectPeer is the client address that the server must have seen; the zero
	// address expects nothing. Another one makes the answer Wrong.
	ExpectPeer netip.Addr `json:"expectPeer,omitzero"`
}

// Validate says what is wrong with the flow, nil when nothing is.
func (f Flow) Validate() error {
	switch {
	case f.ID < 0:
		return fmt.Errorf("flow %d: negative id", f.ID)
	case f.Kind != New && f.Kind != Reused:
		return fmt.Errorf("flow %d: kind %q is neither %s nor %s", f.ID, f.Kind, New, Reused)
	case !f.Target.IsValid() || f.Target.Port() == 0:
		return fmt.Errorf("flow %d: target is not an address with a port", f.ID)
	case f.Period < minPeriod || f.Period > maxPeriod:
		return fmt.Errorf("flow %d: period %v is outside %v..%v", f.ID, f.Period, minPeriod, maxPeriod)
	case f.Offset < 0 || f.Offset > maxPeriod:
		return fmt.Errorf("flow %d: offset %v is outside 0..%v", f.ID, f.Offset, maxPeriod)
	case f.Timeout < 0 || f.Timeout > maxTimeout:
		return fmt.Errorf("flow %d: timeout %v is outside 0..%v", f.ID, f.Timeout, maxTimeout)
	}
	return nil
}

// timeout is the flow's timeout with the default resolved.
func (f Flow) timeout() time.Duration {
	if f.Timeout == 0 {
		return DefaultTimeout
	}
	return f.Timeout
}

// planned is the send time of request k when the load started at at.
func (f Flow) planned(at int64, k int) int64 {
	return at + int64(f.Offset) + int64(k)*int64(f.Period)
}
