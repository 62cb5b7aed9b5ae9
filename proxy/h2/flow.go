package h2

import "golang.org/x/net/http2"

// Flow control (RFC 9113 section 5.2), and the one decision in it that matters
// here. Credit for the connection is given back as soon as DATA arrives, credit
// for a stream when its reader took the bytes. So a reader that stalls holds up
// its own stream and no other; memory is bounded by the stream windows alone.
// The usual way, giving back both on reading (x/net/http2, golang/go#54330),
// lets one stalled stream use up the connection's window and stop them all.

// arrive accounts for a DATA frame of n bytes, padding included. The caller
// holds mu. A nil stream means that the bytes belong to nobody any more.
func (c *conn) arrive(s *stream, n int64) error {
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
	if n > s.recvWindow {
		return &streamError{s.id, http2.ErrCodeFlowControl, "stream window exceeded"}
	}
	s.recvWindow -= n
	return nil
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
	s.recvWindow += int64(n)
	s.c.queue(control{kind: sendWindowUpdate, s: s, id: s.id, n: uint32(n)})
}

func (c *conn) recvWindowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID == 0 {
		if c.send.window += int64(f.Increment); c.send.window > maxWindow {
			return &ConnError{Local: true, Code: http2.ErrCodeFlowControl, Reason: "connection window overflow"}
		}
		c.send.wake.Signal()
		return nil
	}
	s, err := c.lookup(f.StreamID)
	if s == nil {
		return err
	}
	return c.widen(s, int64(f.Increment))
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
