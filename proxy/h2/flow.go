package h2

import (
	"time"

	"golang.org/x/net/http2"
)

// Flow control (RFC 9113 section 5.2), and the one decision in it that matters
// here. Credit for the connection is given back as soon as DATA arrives, credit
// for a stream when its reader took the bytes. So a reader that stalls holds up
// its own stream and no other; memory is bounded by the stream windows alone.
// The usual way, giving back both on reading (x/net/http2, golang/go#54330),
// lets one stalled stream use up the connection's window and stop them all.

// A window is as large as what shares the tunnel allows. Whatever a bulk transfer has
// under way is in front of everybody's next small request: with 256 KiB that is half a
// millisecond, with 4 MiB eight. But a lone transfer with 256 KiB waits for credit half
// of its time. So a window is 256 KiB, and grows for a stream that moves much while
// nobody moves little.
const (
	bulkWindow = 4 << 20  // of a bulk transfer that has the tunnel to itself
	bulkTotal  = 16 << 20 // of all streams of a tunnel together, where they have more than the least

	// bulkLevel and bulkRate tell a bulk transfer: more than bulkLevel bytes ahead of one
	// that moves bulkRate a second.
	bulkLevel = 128 << 10
	bulkRate  = 4 << 20

	// quiet is how long after a small request of another stream a window may grow again.
	quiet = 200 * time.Millisecond
)

// arrive accounts for a DATA frame of n bytes, padding included. The caller
// holds mu. A nil stream means that the bytes belong to nobody any more.
func (c *conn) arrive(s *stream, n int) error {
	if n > c.window {
		return &ConnError{Local: true, Code: http2.ErrCodeFlowControl, Reason: "connection window exceeded"}
	}
	c.window -= n
	if c.credit += n; c.credit >= connCredit {
		c.queue(control{kind: sendWindowUpdate, n: uint32(c.credit)})
		c.window += c.credit
		c.credit = 0
	}
	if s == nil {
		return nil
	}
	if !s.in.arrive(n, c.windowFor(s, n)) {
		return &streamError{s.id, http2.ErrCodeFlowControl, "stream window exceeded"}
	}
	return nil
}

// windowFor is how much the peer may send ahead on s, after n more bytes of it.
func (c *conn) windowFor(s *stream, n int) int {
	r := &c.recv
	s.level = max(0, s.level-int((r.now-s.levelAt).Seconds()*bulkRate)) + n
	s.levelAt = r.now
	if s.level <= bulkLevel {
		r.small, r.smallAt = s, r.now
		return c.o.StreamWindow
	}
	if r.small != nil && r.small != s && r.now-r.smallAt < quiet {
		return c.o.StreamWindow
	}
	return max(c.o.StreamWindow, min(bulkWindow, bulkTotal/len(c.streams), c.o.Account.Room()/4))
}

// giveBack lets the peer of a stream send n more bytes.
func (s *stream) giveBack(n int) {
	if n == 0 {
		return
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.gone || s.recvEnded {
		return
	}
	s.c.queue(control{kind: sendWindowUpdate, s: s, id: s.id, n: uint32(n)})
}

func (c *conn) recvWindowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(f.Increment)
	if f.StreamID == 0 {
		if c.send.window += n; c.send.window > maxWindow {
			return &ConnError{Local: true, Code: http2.ErrCodeFlowControl, Reason: "connection window overflow"}
		}
		c.send.wake.Signal()
		return c.spendUpdate(&c.send.unreturned, n)
	}
	s, err := c.lookup(f.StreamID)
	if s == nil {
		return c.lateFrame(err)
	}
	if err := c.widen(s, n); err != nil {
		return err
	}
	return c.spendUpdate(&s.unreturned, n)
}

// spendUpdate charges credit for what we have not sent. Such credit makes a window
// larger, which honest peers do now and then; what returns bytes is free, however small.
func (c *conn) spendUpdate(unreturned *int64, n int64) error {
	if n <= *unreturned {
		*unreturned -= n
		return nil
	}
	*unreturned = 0
	if !c.recv.noise.Spend(time.Now(), 1) {
		return calmError("too many WINDOW_UPDATE for nothing")
	}
	return nil
}

// widen changes what we may send on a stream; the change may be negative, and
// so may be what is left (RFC 9113 section 6.9.2).
func (c *conn) widen(s *stream, by int64) error {
	if s.sendWindow += by; s.sendWindow > maxWindow {
		return &streamError{s.id, http2.ErrCodeFlowControl, "stream window overflow"}
	}
	c.ready(s)
	return nil
}

// moveWindows applies a new INITIAL_WINDOW_SIZE to the open streams.
func (c *conn) moveWindows(window int64) error {
	by := window - c.peer.window
	if by == 0 {
		return nil
	}
	c.peer.window = window
	for _, s := range c.streams {
		if err := c.widen(s, by); err != nil {
			// RFC 9113 section 6.9.2 makes this one an error of the connection.
			return &ConnError{Local: true, Code: http2.ErrCodeFlowControl, Reason: err.Error()}
		}
	}
	return nil
}
