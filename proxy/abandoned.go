package proxy

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAbandoned ends a connection whose client went away before anything was carried for
// it: while it waited in the backlog for a cell that was not there, or in a cell for a
// way to its destination.
var ErrAbandoned = errors.New("the client went away while its connection waited")

// abandonedAfter is how long a client must have been silent before its FIN counts as
// "gone". Less, and a client that sends its request and half-closes at once, which
// is its right, would be turned away.
const abandonedAfter = time.Second

// abandoned says whether nobody waits for this connection any more: serving it
// would carry out a request that its client has given up and perhaps repeated.
//
// A client that closed and one that half-closed look the same until we write. So
// both must be true: it sent a FIN, and it waited for long. Nothing was sent on an
// accepted socket yet, so the kernel's time since the last send is the time since
// the handshake (Linux: tcp_create_openreq_child sets lsndtime).
func abandoned(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	_ = raw.Control(func(fd uintptr) {
		t, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		gone = err == nil && t.State == stateCloseWait && millis(t.Last_data_sent) >= abandonedAfter
	})
	return gone
}

// States of a connection, include/net/tcp_states.h.
const (
	stateClosed    = 7 // by the client's RST, or ours
	stateCloseWait = 8 // the client has sent its FIN
)

func millis(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// whileClientWaits returns a context that ends with ErrAbandoned when the client goes
// away: with a RST, or with a FIN after it has been silent for abandonedAfter. That is
// how somebody gives up; whoever half-closes has just sent the end of its request.
//
// What is waited for comes within milliseconds as a rule, so for the first
// abandonedAfter nobody watches, and it costs a timer. A goroutine for every connection
// from the start was the obvious way, and would be one more than the relay has.
//
// end must be called before the connection is read.
func whileClientWaits(ctx context.Context, c *net.TCPConn) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	timer := time.AfterFunc(abandonedAfter, func() {
		defer close(ended)
		if awaitGone(c) {
			cancel(ErrAbandoned)
		}
	})
	return ctx, func() {
		if !timer.Stop() {
			c.SetReadDeadline(time.Unix(1, 0))
			<-ended
			c.SetReadDeadline(time.Time{})
		}
		cancel(nil)
	}
}

// awaitGone returns true when the client has gone away, and false at the read deadline.
// What it has sent meanwhile stays in the socket.
func awaitGone(c *net.TCPConn) (gone bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	first, finished := true, false
	_ = raw.Read(func(fd uintptr) bool {
		t, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return true
		}
		fin := t.State == stateCloseWait && !finished
		finished = finished || fin
		// A FIN that was there before we looked came early: nobody gives up within abandonedAfter.
		gone = t.State == stateClosed || fin && !first && millis(t.Last_data_recv) >= abandonedAfter
		first = false
		return gone
	})
	return gone
}
