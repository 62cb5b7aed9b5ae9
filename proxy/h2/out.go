package h2

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The life of a byte on its way out:
//
//	stream.Write → the next batch, as DATA frames   (put; else it waits in the queue)
//	sendLoop: control frames, then one DATA frame   (nextBatch)
//	of each waiting stream in turn
//	batch → TLS: sealed record by record into cork  (link.send)
//	cork → socket: one write
//
// Users put frames into a batch and never write nc themselves: a user stuck in the
// socket could not be woken by a reset of its stream. While sendLoop writes one batch
// they fill the next one; only when that is full do they wait, and take turns.

// sendState is guarded by conn.mu.
type sendState struct {
	wake    sync.Cond // sendLoop waits here
	control []control // in order
	spare   []control // the slice that control was before
	acks    int       // how many of them answer the peer
	head    *stream   // streams with bytes and a window, first come first
	tail    *stream
	window  int64 // what we may still send on the connection

	unreturned int64 // sent, and no credit came back for it

	batch    *batch   // the next one; nil while there is nothing for it
	out      appender // its bytes
	fr       *http2.Framer
	hpack    *hpack.Encoder
	block    bytes.Buffer
	deadline time.Time // of writing, as last set
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

// put moves what fits of s.out into the next batch, unless others wait for that.
func (c *conn) put(s *stream) {
	if c.send.head == nil {
		c.openBatch()
		c.encodeControl() // the HEADERS of s may be among them
		for c.send.room() && c.encodeData(s) {
		}
		c.send.wake.Signal()
	}
	c.ready(s)
}

// openBatch takes a batch if there is none.
func (c *conn) openBatch() {
	if c.send.batch == nil {
		c.send.batch = newBatch(c.o.Account)
		c.send.out.b = c.send.batch.bytes
	}
}

func (s *sendState) room() bool {
	return s.window > 0 && len(s.out.b)+minFrameSize <= s.batch.size
}

// ready lets a stream take its turn when it can send. The caller holds mu.
func (c *conn) ready(s *stream) {
	if s.waiting || !s.sendable() {
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

// sendable is false of a stream that was reset, or whose window is used up.
func (s *stream) sendable() bool { return !s.gone && len(s.out) > 0 && s.sendWindow > 0 }

func (s *sendState) pop() *stream {
	st := s.head
	if s.head = st.next; s.head == nil {
		s.tail = nil
	}
	st.next, st.waiting = nil, false
	return st
}

func (s *sendState) pending() bool {
	return s.batch != nil || len(s.control) > 0 || s.head != nil && s.window > 0
}

// sendLoop writes batches until the tunnel ends.
func (c *conn) sendLoop() {
	defer close(c.sent)
	for last := false; !last; {
		var b *batch
		b, last = c.nextBatch()
		if len(b.bytes) > 0 {
			if err := c.link.send(b.bytes); err != nil {
				c.fail(err)
				last = true
			}
		}
		b.free()
	}
	c.mu.Lock()
	if c.send.batch != nil { // begun while the last one was written; its streams are lost
		c.takeBatch().free()
	}
	c.mu.Unlock()
	c.closeWrite()
}

// nextBatch waits until there is something to send and takes it. last says that
// nothing will follow.
func (c *conn) nextBatch() (b *batch, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest()
	c.openBatch()
	if c.err != nil {
		c.lastWords()
		return c.takeBatch(), true
	}
	c.setWriteDeadline()
	c.encodeControl()
	for c.send.head != nil && c.send.room() {
		s := c.send.pop()
		c.encodeData(s)
		c.ready(s) // behind the others
	}
	b = c.takeBatch()
	return b, c.leaving.finishing && !c.send.pending()
}

// rest waits for something to send, without a batch meanwhile.
func (c *conn) rest() {
	if c.awake() {
		return
	}
	for !c.awake() {
		c.send.wake.Wait()
	}
	// One yield before a batch lets other streams that became runnable by the
	// same read add their small frames to it: one record instead of several. What
	// is large already would only come later, and the other end idle meanwhile.
	if len(c.send.out.b) < yieldBelow {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
}

func (c *conn) awake() bool {
	return c.send.pending() || c.err != nil || c.leaving.finishing
}

func (c *conn) takeBatch() *batch {
	b := c.send.batch
	b.bytes = c.send.out.b
	c.send.batch, c.send.out.b = nil, nil
	return b
}

// encodeControl appends what is queued; encoding may queue more, for the next batch.
func (c *conn) encodeControl() {
	list := c.send.control
	if len(list) == 0 {
		return
	}
	c.send.control = c.send.spare[:0]
	for _, f := range list {
		c.encode(f)
	}
	clear(list) // what they point at would live until they are overwritten
	if cap(list) > keptControl {
		list = nil // of a flood
	}
	c.send.spare = list
}

// encodeData appends one DATA frame of s, as large as it may be, and reports whether
// s could send one more.
func (c *conn) encodeData(s *stream) bool {
	if !s.sendable() {
		return false // it was reset, or its window was taken back, while it waited
	}
	n := min(int64(len(s.out)), s.sendWindow, c.send.window, dataSize, int64(c.peer.frameSize))
	end := s.endQueued && n == int64(len(s.out))
	c.send.out.b = appendDataHeader(c.send.out.b, int(n), end, s.id)
	c.send.out.b = append(c.send.out.b, s.out[:n]...)
	s.out = s.out[n:]
	s.sendWindow -= n
	s.unreturned += n
	c.send.window -= n
	c.send.unreturned += n
	if len(s.out) == 0 {
		s.writable.Broadcast()
	}
	if end {
		s.endSent()
	}
	return s.sendable()
}

// appendDataHeader writes what Framer.WriteData would, which copies the payload
// once more (RFC 9113 sections 4.1 and 6.1).
func appendDataHeader(b []byte, n int, end bool, id uint32) []byte {
	var flags http2.Flags
	if end {
		flags = http2.FlagDataEndStream
	}
	b = append(b, byte(n>>16), byte(n>>8), byte(n), byte(http2.FrameData), byte(flags))
	return binary.BigEndian.AppendUint32(b, id)
}

// setWriteDeadline gives the peer's TCP its time for a batch. Setting it costs as much as
// a small batch, so one that has most of its time left will do.
func (c *conn) setWriteDeadline() {
	patience := c.patience()
	want := time.Now().Add(patience)
	if !c.leaving.hard && want.Sub(c.send.deadline) < patience/8 {
		return
	}
	c.send.deadline = want
	c.nc.SetWriteDeadline(want)
}

// patience is how long the peer's TCP may take for a batch.
func (c *conn) patience() time.Duration {
	if c.leaving.hard {
		return c.o.LingerTimeout
	}
	return c.o.WriteTimeout
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
