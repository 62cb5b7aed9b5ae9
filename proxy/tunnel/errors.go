package tunnel

import (
	"errors"
	"fmt"
)

// ErrPoolClosed is the answer of a pool that is closed or drains.
var ErrPoolClosed = errors.New("tunnel: the pool is closed")

// StatusError is an answer other than 200.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("tunnel: http status: %d", e.Status) }

// Reason says why a stream was refused before the peer did anything for it.
type Reason string

// Why an Open was refused.
const (
	Full    Reason = "full"    // the tunnel carries as many streams as it may
	GoAway  Reason = "goaway"  // the peer takes no more streams in this tunnel
	Refused Reason = "refused" // the peer refused this stream
)

// RefusedError is an Open that the peer did not begin to serve: RFC 9113
// section 8.7 says that it is safe to try again, in another tunnel.
type RefusedError struct{ Reason Reason }

func (e *RefusedError) Error() string { return "tunnel: stream refused: " + string(e.Reason) }

// CrowdedError is a tunnel that was not made since one of the ends has no room for another: a place becomes
// free when another has been idle for long, so that trying again soon is of no use.
type CrowdedError struct{ Err error }

func (e *CrowdedError) Error() string { return fmt.Sprintf("tunnel: no room for another: %v", e.Err) }
func (e *CrowdedError) Unwrap() error { return e.Err }

// ResetError ends a stream whose peer reset it, or whose tunnel was lost.
type ResetError struct {
	Code uint32 // of the transport's RST_STREAM; 0 when the tunnel was lost
	Name string // the code's name in that transport
	Lost error  // why the tunnel ended; nil after an RST_STREAM
}

func (e *ResetError) Error() string {
	if e.Lost != nil {
		return fmt.Sprintf("tunnel: stream reset: tunnel lost: %v", e.Lost)
	}
	return fmt.Sprintf("tunnel: stream reset by peer: %s", e.Name)
}

func (e *ResetError) Unwrap() error { return e.Lost }

// LostError is an Open whose tunnel ended before the answer came.
type LostError struct{ Err error }

func (e *LostError) Error() string { return fmt.Sprintf("tunnel: lost before the answer: %v", e.Err) }
func (e *LostError) Unwrap() error { return e.Err }

// DialError is an Open for which no tunnel could be made. Every Open that
// waited for that dial gets the same one.
type DialError struct {
	Key Key
	Err error
}

func (e *DialError) Error() string { return fmt.Sprintf("tunnel: dial %s: %v", e.Key.Address, e.Err) }
func (e *DialError) Unwrap() error { return e.Err }
