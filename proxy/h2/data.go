package h2

import "golang.org/x/net/http2"

// recvData takes the payload of a DATA frame whose header has been read. The
// Framer's own way would read the frame into a buffer of the peer's frame size
// first; here bytes reach the reader of the stream as they arrive.
func (c *conn) recvData(fh http2.FrameHeader) error {
	if fh.StreamID == 0 {
		return protocolError("DATA on stream 0") // RFC 9113 section 6.1
	}
	left := int(fh.Length)
	padding := 0
	if fh.Flags.Has(http2.FlagDataPadded) {
		if left == 0 {
			return &ConnError{Local: true, Code: http2.ErrCodeFrameSize, Reason: "DATA without its pad length"}
		}
		b, err := c.recv.br.ReadByte()
		if err != nil {
			return err
		}
		left--
		if padding = int(b); padding > left {
			return protocolError("padding longer than its frame") // section 6.1
		}
	}
	s, streamErr, err := c.admit(fh)
	if err != nil {
		return err
	}
	if s, err = c.fillInbox(s, left-padding); err != nil {
		return err
	}
	if _, err := c.recv.br.Discard(padding); err != nil {
		return err
	}
	if s == nil {
		return streamErr
	}
	if over := int(fh.Length) - (left - padding); over > 0 {
		s.giveBack(s.in.skip(over)) // nobody will read padding
	}
	if fh.Flags.Has(http2.FlagDataEndStream) {
		c.endRecv(s)
	}
	return nil
}

// admit says whose bytes are coming: nil when nobody wants them. A stream's
// error is handed back apart, since the payload must be taken off first.
func (c *conn) admit(fh http2.FrameHeader) (s *stream, streamErr, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err = c.lookup(fh.StreamID)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case s == nil:
	case s.recvEnded: // RFC 9113 section 5.1, half-closed (remote)
		streamErr = &streamError{s.id, http2.ErrCodeStreamClosed, "DATA after END_STREAM"}
	case c.client() && !s.answered:
		streamErr = &streamError{s.id, http2.ErrCodeProtocol, "DATA before the answer"}
	}
	if streamErr != nil {
		s = nil
	}
	err = c.arrive(s, int64(fh.Length))
	if se, ok := err.(*streamError); ok {
		return nil, se, nil
	}
	return s, streamErr, err
}

// fillInbox moves n bytes of payload into the inbox of s as they come, and returns
// s, or nil when it was reset because they did not fit.
func (c *conn) fillInbox(s *stream, n int) (*stream, error) {
	for n > 0 {
		if _, err := c.recv.br.Peek(1); err != nil {
			return s, err
		}
		b, _ := c.recv.br.Peek(min(n, c.recv.br.Buffered()))
		if s != nil && !s.in.write(b) {
			c.overflow(s)
			s = nil // the rest of the payload belongs to nobody
		}
		_, _ = c.recv.br.Discard(len(b))
		n -= len(b)
	}
	return s, nil
}

// overflow resets a stream whose bytes its workload has no budget for.
func (c *conn) overflow(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.abort(http2.ErrCodeEnhanceYourCalm, c.o.Account.Overflow())
}

// endRecv notes the peer's END_STREAM.
func (c *conn) endRecv(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.endRecv()
}
