package channel

import (
	"errors"
	"fmt"
	"os"
)

// TimeoutError says that the other end did not read, or had nothing to say, in time.
// Nothing was sent or received.
type TimeoutError struct{ Op string }

func (e *TimeoutError) Error() string { return "channel: " + e.Op + ": the other end is stuck" }

// Timeout makes it a net.Error-like timeout.
func (e *TimeoutError) Timeout() bool { return true }

// TruncatedError says that a packet was larger than MaxPacket or carried more
// descriptors than MaxFiles (or than this process may open). The packet is lost and
// its descriptors are closed; the next Recv returns the next packet.
type TruncatedError struct {
	Bytes int  // size of the packet as sent
	Files bool // descriptors are missing
}

func (e *TruncatedError) Error() string {
	if e.Files {
		return fmt.Sprintf("channel: a packet of %d bytes lost descriptors: more than %d, or too many are open", e.Bytes, MaxFiles)
	}
	return fmt.Sprintf("channel: a packet of %d bytes, at most %d are allowed", e.Bytes, MaxPacket)
}

// SizeError says that Send was given a packet that cannot be sent.
type SizeError struct{ Bytes, Files int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("channel: cannot send %d bytes with %d descriptors: 1 to %d bytes with at most %d",
		e.Bytes, e.Files, MaxPacket, MaxFiles)
}

// failure gives errors of the poller a type that callers can compare: the poller's
// own "use of closed file" is unexported.
func (c *Conn) failure(op string, err error) error {
	switch {
	case c.closed.Load():
		return fmt.Errorf("channel: %s: %w", op, os.ErrClosed)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &TimeoutError{Op: op}
	}
	return fmt.Errorf("channel: %s: %w", op, err)
}
