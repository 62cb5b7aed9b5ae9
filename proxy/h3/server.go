package h3

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The accepting end: one handler goroutine for each request.

func (c *conn) runServer(ctx context.Context) {
	defer close(c.done)
	if err := c.openControl(); err != nil { // the peer may allow no such stream: then nobody is told to leave, either
		c.fail(codeInternal, err)
		return
	}
	c.readers.Go(c.acceptControl)
	stop := context.AfterFunc(ctx, c.drain)
	var handlers sync.WaitGroup
	for {
		q, err := c.q.AcceptStream(c.q.Context())
		if err != nil {
			break
		}
		handlers.Go(func() { c.serve(q) })
	}
	c.fail(codeNo, context.Cause(c.q.Context()))
	c.settleAll()
	if !stop() {
		<-c.drained
	}
	handlers.Wait()
	c.kept.Wait()
	c.readers.Wait()
}

// drain says GOAWAY, lets the open streams finish, and then has the peer close first: what it
// has not received yet would be lost.
func (c *conn) drain() {
	defer close(c.drained)
	c.mu.Lock()
	c.draining = true
	next := c.nextID
	c.rest()
	c.mu.Unlock()
	c.sayGoAway(next)
	select {
	case <-c.idle:
	case <-c.q.Context().Done():
		return
	}
	linger := time.NewTimer(2 * c.o.LingerTimeout)
	defer linger.Stop()
	select {
	case <-linger.C:
		c.fail(codeNo, errOrderly)
	case <-c.q.Context().Done():
	}
}

// enter takes a place for a request, unless the tunnel drains.
func (c *conn) enter(id quic.StreamID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && id >= c.nextID {
		return false
	}
	c.nextID = max(c.nextID, id+4)
	c.streams++
	c.watch()
	c.track()
	return true
}

// serve reads one request and runs its handler, and cleans up behind it, unless it was kept.
func (c *conn) serve(q *quic.Stream) {
	s := newStream(c, q)
	c.locate()
	if !c.enter(q.StreamID()) {
		s.abort(codeRejected)
		q.ReleaseStreamCredit()
		c.charged(c.limits.reset())
		return
	}
	in := &incoming{s: s}
	in.ctx, in.cancel = context.WithCancel(c.q.Context())
	stop := context.AfterFunc(q.Context(), in.wasReset)
	defer stop()
	defer func() {
		if !in.kept {
			in.release()
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			c.o.OnPanic(v, debug.Stack())
			s.abort(codeInternal)
		}
	}()
	if in.read() {
		s.leaves() // until the handler reads
		c.handler(in)
	}
}

// incoming is a request that waits for its answer.
type incoming struct {
	s      *stream
	head   hbone.Head
	ctx    context.Context
	cancel context.CancelFunc
	kept   bool // by its handler: somebody else will release it

	mu       sync.Mutex
	answered bool
	charged  bool // as a request that was given up
}

// wasReset ends the context of a request whose peer wants no answer. The sending direction ends
// with our own FIN, too, which is no reason.
func (in *incoming) wasReset() {
	var reset *quic.StreamError
	if !errors.As(context.Cause(in.s.q.Context()), &reset) {
		return
	}
	in.cancel()
	if reset.Remote {
		in.giveUp()
	}
}

// read reads the head, and says whether there is one.
func (in *incoming) read() bool {
	s := in.s
	_ = s.q.SetReadDeadline(time.Now().Add(s.c.o.HandshakeTimeout))
	f, err := readHeaders(s.q, s.c.limits)
	_ = s.q.SetReadDeadline(time.Time{})
	var wrong *streamError
	var broken *ConnError
	switch {
	case err == nil:
		in.head = f.Request()
		return true
	case errors.As(err, &wrong): // the peer made us reset it
		s.abort(wrong.code)
		s.c.charged(s.c.limits.noisy(1))
	case errors.As(err, &broken):
		s.c.failWith(err)
	default: // reset, ended or silent before its head was there
		s.abort(codeIncomplete)
		in.giveUp()
	}
	return false
}

// giveUp charges for a request that its peer gave up before it was answered. An answer that the application gave ends the matter:
// connections that are reset after it are short ones, at any rate.
func (in *incoming) giveUp() {
	in.mu.Lock()
	charge := !in.answered && !in.charged
	in.charged = true
	in.mu.Unlock()
	if charge {
		in.s.c.charged(in.s.c.limits.reset())
	}
}

func (in *incoming) Head() hbone.Head         { return in.head }
func (in *incoming) Context() context.Context { return in.ctx }

// Keep: see tunnel.Incoming.
func (in *incoming) Keep() (release func()) {
	in.kept = true
	in.s.c.kept.Add(1)
	return func() {
		in.release()
		in.s.c.kept.Done()
	}
}

// release resets what is unfinished and gives the stream's place back.
func (in *incoming) release() {
	in.s.Close()
	in.cancel()
	in.s.q.ReleaseStreamCredit()
}

// Accept: see tunnel.Incoming.
func (in *incoming) Accept(h hbone.Header) (tunnel.Stream, error) {
	if in.head.Malformed != "" || in.head.Method != hbone.MethodConnect {
		return nil, errHead
	}
	if !in.first() {
		return nil, errAnswered
	}
	if _, err := in.s.q.Write(appendAnswer(nil, hbone.StatusOK, h)); err != nil {
		return nil, in.s.c.told(err)
	}
	return in.s, nil
}

// Reject: see tunnel.Incoming.
func (in *incoming) Reject(status int) error {
	if !in.first() {
		return errAnswered
	}
	_, err := in.s.q.Write(appendAnswer(nil, status, hbone.Header{}))
	if err == nil {
		err = in.s.CloseWrite()
	}
	in.s.q.CancelRead(codeNo) // the answer is complete: nothing more is wanted (section 4.1)
	if err != nil {
		return in.s.c.told(err)
	}
	return nil
}

func (in *incoming) first() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	was := in.answered
	in.answered = true
	return !was
}
