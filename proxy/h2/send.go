package h2

import (
	"bytes"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The way out: users queue control frames and mark streams ready; sendLoop puts
// a batch together (all control frames in order, then one DATA frame of each
// ready stream in turn) and writes it at once. Users never write nc themselves:
// a user stuck in the socket could not be woken by a reset of its stream.

// sendState is guarded by conn.mu; out, fr, hpack and block are used by
// sendLoop while it holds that.
type sendState struct {
	wake    sync.Cond // sendLoop waits here
	control []control // in order
	spare   []control // the slice that control was before
	acks    int       // how many of them answer the peer
	head    *stream   // streams with bytes and a window, first come first
	tail    *stream
	window  int64 // what we may still send on the connection

	out   appender
	fr    *http2.Framer // for writing
	hpack *hpack.Encoder
	block bytes.Buffer
}

func (s *sendState) init(c *conn) {
	s.wake.L = &c.mu
	s.window = initialWindow
	s.fr = http2.NewFramer(&s.out, nil)
	s.hpack = hpack.NewEncoder(&s.block)
}

// appender collects a batch.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// ready lets a stream take part when it can send. The caller holds mu.
func (c *conn) ready(s *stream) {
	if s.waiting || s.gone || len(s.out) == 0 || s.sendWindow <= 0 {
		return
	}
	s.waiting = true
	if c.send.tail == nil {
		c.send.head = s
	} else {
		c.send.tail.next = s
	}
	c.send.tail = s
	c.send.wake.Signal()
}

func (s *sendState) pop() *stream {
	st := s.head
	if s.head = st.next; s.head == nil {
		s.tail = nil
	}
	st.next, st.waiting = nil, false
	return st
}

func (s *sendState) pending() bool {
	return len(s.control) > 0 || s.head != nil && s.window > 0
}

// sendLoop writes batches until the tunnel ends.
func (c *conn) sendLoop() {
	defer close(c.sent)
	b := newBatch(c.o.Account)
	if c.client() {
		b.bytes = append(b.bytes, http2.ClientPreface...)
	}
	for {
		last := c.nextBatch(b)
		if len(b.bytes) > 0 {
			if _, err := c.nc.Write(b.bytes); err != nil {
				c.fail(err)
				break
			}
		}
		b.bytes = b.bytes[:0]
		if last {
			c.closeWrite()
			break
		}
		b = c.rest(b)
	}
	b.free()
}

// rest waits for something to send, without a batch buffer meanwhile: an idle
// tunnel should not hold 128 KiB.
func (c *conn) rest(b *batch) *batch {
	c.mu.Lock()
	if c.awake() {
		c.mu.Unlock()
		return b
	}
	b.free()
	for !c.awake() {
		c.send.wake.Wait()
	}
	c.mu.Unlock()
	// One yield before a batch lets other streams that became runnable by the
	// same read add their small frames to it: one record instead of several.
	runtime.Gosched()
	return newBatch(c.o.Account)
}

func (c *conn) awake() bool {
	return c.send.pending() || c.err != nil || c.leaving.finishing
}

// nextBatch appends what can be sent now and reports whether it is the last.
func (c *conn) nextBatch(b *batch) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send.out.b = b.bytes
	defer func() { b.bytes, c.send.out.b = c.send.out.b, nil }()
	if c.err != nil {
		c.lastWords()
		return true
	}
	c.nc.SetWriteDeadline(time.Now().Add(c.patience()))
	c.encodeControl()
	for c.send.head != nil && c.send.window > 0 && len(c.send.out.b)+minFrameSize <= b.size {
		c.encodeData(c.send.pop())
	}
	return c.leaving.finishing && !c.send.pending()
}

// closeWrite tells the peer that nothing follows; TLS has close_notify for it.
func (c *conn) closeWrite() {
	if c.broken() {
		return
	}
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite() // a peer that is gone needs no telling
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.nc.SetReadDeadline(time.Now().Add(c.patience()))
	}
}

// patience is how long the peer's TCP may take for a batch.
func (c *conn) patience() time.Duration {
	if c.leaving.hard {
		return c.o.LingerTimeout
	}
	return c.o.WriteTimeout
}
