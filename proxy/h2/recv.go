package h2

import (
	"bufio"
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The way of a frame in: preface → first SETTINGS → frame header → limits →
// by type. DATA goes from the read buffer straight into its stream's inbox
// (data.go); header blocks are collected and decoded in headers.go.

// recvState is owned by recvLoop.
type recvState struct {
	src     source
	br      *bufio.Reader
	fr      *http2.Framer // for reading
	hpack   *hpack.Decoder
	block   headerBlock // the one being collected
	greeted bool
	resets  allowance
	noise   allowance
	late    int // frames that may still come on streams that are closed
}

// source remembers the error of the connection: the Framer has the same
// io.ErrUnexpectedEOF for a connection cut short and for a frame that is.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// recvLoop reads until the tunnel ends, and says why it did.
func (c *conn) recvLoop() error {
	if err := c.recvGreeting(); err != nil {
		return err
	}
	for {
		err := c.recvFrame()
		var se *streamError
		if errors.As(err, &se) {
			err = c.recvStreamError(se)
		}
		if err != nil {
			return err
		}
	}
}

// recvGreeting takes the client's preface and the peer's first frame, which must
// be SETTINGS (RFC 9113 section 3.4), under a deadline.
func (c *conn) recvGreeting() error {
	c.setReadDeadline(time.Now().Add(c.o.HandshakeTimeout))
	if !c.client() {
		var got [len(http2.ClientPreface)]byte
		if _, err := io.ReadFull(c.recv.br, got[:]); err != nil {
			return err
		}
		if string(got[:]) != http2.ClientPreface {
			return protocolError("no client preface")
		}
	}
	for !c.recv.greeted {
		if fh, err := c.peekHeader(); err != nil {
			return err
		} else if fh != http2.FrameSettings {
			return protocolError("the first frame is %v, not SETTINGS", fh)
		}
		if err := c.recvFrame(); err != nil {
			return err
		}
		if !c.recv.greeted {
			return protocolError("the first SETTINGS is an ack")
		}
	}
	c.setReadDeadline(time.Time{})
	return nil
}

// peekHeader returns the type of the next frame without taking it.
func (c *conn) peekHeader() (http2.FrameType, error) {
	b, err := c.recv.br.Peek(4)
	if err != nil {
		return 0, err
	}
	return http2.FrameType(b[3]), nil
}

// setReadDeadline never overrides the one that fail set.
func (c *conn) setReadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.leaving.finishing {
		c.nc.SetReadDeadline(t)
	}
}

func (c *conn) recvFrame() error {
	fh, err := c.recv.fr.ReadFrameHeader()
	if err != nil {
		return c.readError(fh, err)
	}
	c.lastRecv.Store(int64(time.Since(c.born)))
	if err := c.spend(fh); err != nil {
		return err
	}
	if fh.Type == http2.FrameData {
		return c.recvData(fh)
	}
	f, err := c.recv.fr.ReadFrameForHeader(fh)
	if err != nil {
		return c.readError(fh, err)
	}
	return c.dispatch(f)
}

func (c *conn) dispatch(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.recvHeaders(f)
	case *http2.ContinuationFrame:
		return c.recvContinuation(f)
	case *http2.SettingsFrame:
		return c.recvSettings(f)
	case *http2.PingFrame:
		return c.recvPing(f)
	case *http2.WindowUpdateFrame:
		return c.recvWindowUpdate(f)
	case *http2.RSTStreamFrame:
		return c.recvReset(f)
	case *http2.GoAwayFrame:
		return c.recvGoAway(f)
	case *http2.PushPromiseFrame:
		return protocolError("PUSH_PROMISE") // off at the client, never allowed at the server (section 8.4)
	}
	return nil // PRIORITY, and types that we do not know (section 5.5)
}

// spend charges frames that move nothing to the peer's budget.
func (c *conn) spend(fh http2.FrameHeader) error {
	switch fh.Type {
	case http2.FrameHeaders, http2.FrameContinuation, http2.FrameRSTStream, http2.FrameWindowUpdate:
		return nil // bounded where they are handled, or by what they answer
	case http2.FrameData:
		if fh.Length > 0 || fh.Flags.Has(http2.FlagDataEndStream) {
			return nil
		}
	}
	if !c.recv.noise.spend(time.Now()) {
		return calmError("too many frames that move nothing: " + fh.Type.String())
	}
	return nil
}

func (c *conn) readError(fh http2.FrameHeader, err error) error {
	if c.recv.src.err != nil {
		return c.recv.src.err
	}
	return frameError(c.recv.fr, fh.Type, err)
}

// lookup finds the stream that a frame is about. No stream and no error means
// that it is closed: late frames on it are normal (RFC 9113 section 5.1). The
// caller holds mu.
func (c *conn) lookup(id uint32) (*stream, error) {
	if s := c.streams[id]; s != nil {
		return s, nil
	}
	next := c.nextID
	if !c.client() {
		next = c.lastID + 1
	}
	if id%2 == 0 || id >= next {
		return nil, protocolError("frame on idle stream %d", id)
	}
	return nil, nil
}

// recvStreamError resets a stream that the peer used wrongly.
func (c *conn) recvStreamError(e *streamError) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.lookup(e.id)
	if err != nil {
		return err
	}
	if !c.recv.noise.spend(time.Now()) {
		return calmError("too many stream errors")
	}
	if s == nil {
		c.queue(control{kind: sendReset, id: e.id, n: uint32(e.code)})
		return nil
	}
	s.abort(e.code, e)
	return nil
}

func (c *conn) recvReset(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.lookup(f.StreamID)
	if s == nil {
		return err
	}
	if !c.client() && !s.answered && !c.recv.resets.spend(time.Now()) {
		return calmError("too many streams reset before their answer")
	}
	s.resetByPeer(f.ErrCode)
	return nil
}
