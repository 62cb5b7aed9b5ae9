package h2

import (
	"context"
	"runtime/debug"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The accepting end: one handler goroutine for each request.

// recvRequest takes the HEADERS of a request.
func (c *conn) recvRequest(id uint32, end bool, f *hbone.Fields) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err // the tunnel was lost while this was in the buffer: nobody would end the stream
	}
	if id%2 == 0 { // RFC 9113 section 5.1.1
		return protocolError("HEADERS on stream %d", id)
	}
	if id <= c.lastID {
		s := c.streams[id]
		if s == nil {
			return c.lateFrame(nil) // on a stream that we have reset
		}
		return s.moreHeaders()
	}
	c.lastID = id
	c.recv.grantLate()
	if c.leaving.any() || c.full() {
		return c.refuse(id)
	}
	in := &incoming{head: f.Request()}
	if in.cost = c.charge(in.head); in.cost < 0 {
		return c.refuse(id)
	}
	s := c.newStream(id)
	if end {
		s.endRecv()
	}
	in.s = s
	in.ctx, s.cancel = context.WithCancel(context.Background())
	c.running++
	c.handlers.Go(func() { c.serve(in) })
	return nil
}

// charge has the workload pay for a head that is large: its handler keeps it. It returns
// what was charged, or less than 0 when there is no room for it.
func (c *conn) charge(h hbone.Head) int {
	n := len(h.Method) + len(h.RawAuthority) + len(h.Header.Baggage) + len(h.Header.Forwarded) + len(h.Header.Traceparent)
	switch {
	case n <= keptBlock: // what is usual is in the cost of a connection
		return 0
	case c.o.Account.TakeMore(n):
		return n
	}
	_ = c.o.Account.Overflow() // counted; its peer is told what it may try elsewhere
	return -1
}

// full: handlers of streams that the peer has reset may still be at work, and
// must not pile up while it opens others ("rapid reset").
func (c *conn) full() bool {
	return len(c.streams) >= c.o.MaxStreams || c.running >= 2*c.o.MaxStreams
}

// refuse says that nothing was done for a stream (RFC 9113 section 8.7).
func (c *conn) refuse(id uint32) error {
	if !c.recv.resets.Spend(time.Now(), 1) {
		return calmError("too many streams beyond the limit")
	}
	c.queue(control{kind: sendReset, id: id, n: uint32(http2.ErrCodeRefusedStream)})
	return nil
}

// serve runs the handler of one stream and cleans up behind it, unless it was kept.
func (c *conn) serve(in *incoming) {
	defer func() {
		if !in.kept {
			in.release()
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			c.o.OnPanic(v, debug.Stack())
			in.s.fault()
		}
	}()
	c.handler(in)
}

// Keep: see tunnel.Incoming.
func (in *incoming) Keep() (release func()) {
	in.kept = true
	in.s.c.handlers.Add(1)
	return func() {
		in.release()
		in.s.c.handlers.Done()
	}
}

// release resets what is unfinished and gives the stream's place back.
func (in *incoming) release() {
	in.s.Close()
	c := in.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	in.s.cancel()
	c.o.Account.Give(in.cost)
}

// fault resets a stream whose handler broke.
func (s *stream) fault() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.drop(http2.ErrCodeInternal)
}

// incoming is a request that waits for its answer.
type incoming struct {
	s    *stream
	head hbone.Head
	ctx  context.Context
	kept bool // by its handler: somebody else will release it
	cost int  // of head
}

func (in *incoming) Head() hbone.Head         { return in.head }
func (in *incoming) Context() context.Context { return in.ctx }

// Accept: see tunnel.Incoming.
func (in *incoming) Accept(h hbone.Header) (tunnel.Stream, error) {
	if in.head.Malformed != "" || in.head.Method != hbone.MethodConnect {
		return nil, errHead
	}
	c := in.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := in.mayAnswer(); err != nil {
		return nil, err
	}
	in.s.settle(hbone.StatusOK, h, nil)
	c.queue(control{kind: sendHeaders, s: in.s, id: in.s.id, fields: answerFields(hbone.StatusOK, h)})
	return in.s, nil
}

// Reject: see tunnel.Incoming.
func (in *incoming) Reject(status int) error {
	c := in.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := in.mayAnswer(); err != nil {
		return err
	}
	in.s.settle(status, hbone.Header{}, nil)
	in.s.endQueued = true
	c.queue(control{kind: sendHeaders, s: in.s, id: in.s.id, end: true, fields: answerFields(status, hbone.Header{})})
	if !in.s.recvEnded {
		// The answer is complete: ask the peer to send nothing (RFC 9113 section 8.1).
		c.queue(control{kind: sendReset, id: in.s.id, n: uint32(http2.ErrCodeNo)})
	}
	in.s.finish(errAnswered, errAnswered)
	return nil
}

func (in *incoming) mayAnswer() error {
	switch {
	case in.s.sendErr != nil:
		return in.s.sendErr
	case in.s.answered:
		return errAnswered
	}
	return nil
}
