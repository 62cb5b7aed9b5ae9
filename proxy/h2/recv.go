package h2

import (
	"io"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// What comes before the frames, and frames other than DATA; the way of DATA is in.go.

// recvState is owned by recvLoop.
type recvState struct {
	buf     *readBuffer   // nil while it waits
	from    *sync.Pool    // whose buf is
	r, w    int           // buf.b[r:w]
	rest    []byte        // of buf, while it waits
	drained bool          // all that came was decrypted
	failed  error         // of the connection, after what is in buf
	now     time.Duration // of the last read, by the clock of conn.born

	fr       *http2.Framer // for reading, out of buf
	frame    http2.FrameHeader
	begun    bool // the header of frame has been taken, its payload not
	data     dataFrame
	gathered []gathered    // one for each stream
	small    *stream       // the last one that had few bytes to come,
	smallAt  time.Duration // and when: see flow.go

	hpack   *hpack.Decoder
	block   headerBlock // the one being collected
	greeted bool
	resets  tunnel.Allowance
	noise   tunnel.Allowance
	late    int // frames that may still come on streams that are closed
}

func (s *recvState) init() {
	s.fr = http2.NewFramer(io.Discard, s)
	s.fr.SetReuseFrames()
	s.fr.SetMaxReadFrameSize(frameSize)
	s.hpack = hpack.NewDecoder(hpackTable, nil)
	s.resets, s.noise = tunnel.Resets, tunnel.Noise
}

// recvGreeting takes the client's preface and the peer's first frame, which must
// be SETTINGS (RFC 9113 section 3.4), under a deadline.
func (c *conn) recvGreeting() error {
	c.setReadDeadline(time.Now().Add(c.o.HandshakeTimeout))
	if !c.client() {
		got, err := c.peek(len(http2.ClientPreface))
		if err != nil {
			return err
		}
		if string(got) != http2.ClientPreface {
			return protocolError("no client preface")
		}
		c.recv.r += len(got)
	}
	header, err := c.peek(frameHeaderSize)
	if err != nil {
		return err
	}
	if t := http2.FrameType(header[3]); t != http2.FrameSettings {
		return protocolError("the first frame is %v, not SETTINGS", t)
	}
	for {
		more, err := c.recvFrame()
		switch {
		case err != nil:
			return err
		case c.recv.greeted:
			c.setReadDeadline(time.Time{})
			return nil
		case more:
			return protocolError("the first SETTINGS is an ack")
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

// peek waits for n bytes and does not take them.
func (c *conn) peek(n int) ([]byte, error) {
	for c.recv.buf == nil || c.recv.w-c.recv.r < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	return c.recv.buf.b[c.recv.r : c.recv.r+n], nil
}

// setReadDeadline never overrides the one that fail set.
func (c *conn) setReadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.leaving.finishing {
		c.nc.SetReadDeadline(t)
	}
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
	if !c.recv.noise.Spend(time.Now(), 1) {
		return calmError("too many frames that move nothing: " + fh.Type.String())
	}
	return nil
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
	if !c.recv.noise.Spend(time.Now(), 1) {
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
		return c.lateFrame(err)
	}
	if !c.client() && !s.answered && !c.recv.resets.Spend(time.Now(), 1) {
		return calmError("too many streams reset before their answer")
	}
	s.resetByPeer(f.ErrCode)
	return nil
}

// moreHeaders is what HEADERS after the head of a stream deserve: only DATA may follow on a connected one (RFC 9113
// section 8.5), and nothing after END_STREAM (section 5.1). The caller holds mu.
func (s *stream) moreHeaders() error {
	if s.recvEnded {
		return &streamError{s.id, http2.ErrCodeStreamClosed, "HEADERS after END_STREAM"}
	}
	return &streamError{s.id, http2.ErrCodeProtocol, "HEADERS after the head"}
}
