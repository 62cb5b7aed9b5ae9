package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// conn is one end of a tunnel, either one: handler is nil at the dialling end.
//
// Three goroutines serve it: recvLoop owns everything about reading, sendLoop
// is the only writer of nc beside TLS itself, watch sends PINGs and starts the drain.
// What they
// and the streams' users share is guarded by mu; an inbox has a lock of its own,
// which is taken inside mu or alone, never around it.
type conn struct {
	nc      net.Conn
	link    link // nc, for reading and writing
	o       Options
	handler tunnel.Handler

	greeted  chan struct{} // closed at the peer's first SETTINGS
	failed   chan struct{} // closed when err is set
	better   chan struct{} // closed when an answer has announced HTTP/3; nil at the accepting end
	sent     chan struct{} // closed when sendLoop has ended
	done     chan struct{} // closed when all three have ended
	handlers sync.WaitGroup
	lastRecv atomic.Int64 // when a frame came last, by the clock of born
	born     time.Time

	recv recvState // recvLoop's own
	send sendState // guarded by mu

	mu       sync.Mutex
	err      error // why the tunnel ended; set once
	streams  map[uint32]*stream
	nextID   uint32 // dialling end: of the next stream
	lastID   uint32 // accepting end: the highest that the peer used
	running  int    // accepting end: handlers that have not returned
	peer     peerSettings
	leaving  leavingState
	told     bool   // better is closed
	betterAt uint16 // the port; written before better is closed
	credit   int    // connection credit not yet given back
	window   int    // what the peer may still send on the connection
}

func newConn(nc net.Conn, o Options, h tunnel.Handler) *conn {
	c := &conn{
		nc:      nc,
		link:    newLink(nc),
		o:       o,
		handler: h,
		greeted: make(chan struct{}),
		failed:  make(chan struct{}),
		sent:    make(chan struct{}),
		done:    make(chan struct{}),
		streams: make(map[uint32]*stream),
		nextID:  1, // RFC 9113 section 5.1.1: streams of a client are odd
		peer:    defaultPeer(),
		window:  connWindow,
		born:    time.Now(),
	}
	if h == nil {
		c.better = make(chan struct{})
	}
	c.recv.init()
	c.send.init(c)
	return c
}

func (c *conn) client() bool { return c.handler == nil }

func (c *conn) runClient() { c.run(context.Background()) }

// run is the life of a tunnel. The reader closes nc, after the writer is
// through: nobody else does, so that last words are not cut off.
func (c *conn) run(ctx context.Context) {
	defer close(c.done)
	var side sync.WaitGroup
	c.queueGreeting()
	side.Go(c.sendLoop)
	side.Go(func() { c.watch(ctx) })
	c.fail(c.reading())
	<-c.sent
	c.linger()
	c.recv.release()
	c.closeConn()
	side.Wait()
}

// reading is recvLoop, whose panic ends this tunnel and not the process: at the dialling end nobody else would recover it,
// and at the accepting end the other two goroutines would wait for ever.
func (c *conn) reading() (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.o.OnPanic(v, debug.Stack())
			err = &ConnError{Local: true, Code: http2.ErrCodeInternal, Reason: "panic"}
		}
	}()
	return c.recvLoop()
}

// fail ends the tunnel, once: streams are lost, and the loops wake up.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *conn) failLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = c.explain(err)
	for _, s := range c.streams {
		s.lose(c.err)
	}
	clear(c.streams)
	// What sendLoop still has is its last word; it gets a moment for it.
	c.nc.SetWriteDeadline(time.Now().Add(c.o.LingerTimeout))
	c.nc.SetReadDeadline(time.Now())
	close(c.failed)
	c.send.wake.Signal()
}

// explain finds the reason behind an error of the connection: a peer that said
// GOAWAY with an error code and closed has told us more than EOF does.
func (c *conn) explain(err error) error {
	switch {
	case c.leaving.finishing:
		return errOrderly
	case c.leaving.peerError != nil && !isLocal(err):
		return c.leaving.peerError
	case err == io.EOF && c.recv.greeted && len(c.streams) == 0:
		return errOrderly
	}
	return err
}

func isLocal(err error) bool {
	var ce *ConnError
	return errors.As(err, &ce) && ce.Local
}

// linger reads what the peer had under way before closing: a close with unread
// bytes makes the kernel send a RST, which destroys our last frames in the
// peer's socket. Only an end that we chose is worth it.
func (c *conn) linger() {
	if c.broken() {
		return
	}
	c.nc.SetReadDeadline(time.Now().Add(c.o.LingerTimeout))
	c.recv.failed, c.recv.r, c.recv.w = nil, 0, 0
	for c.fill() == nil {
		c.recv.r, c.recv.w = 0, 0
	}
}

// broken: the connection failed under us; the peer will not hear another word.
func (c *conn) broken() bool {
	err := c.cause()
	return err != nil && err != errOrderly && !isLocal(err)
}

// closeConn closes nc. Under a broken TLS connection it closes the socket first:
// tls.Conn.Close would try for 5 s to send close_notify.
func (c *conn) closeConn() {
	if t, ok := c.nc.(interface{ NetConn() net.Conn }); ok && c.broken() {
		t.NetConn().Close()
	}
	c.nc.Close()
}

func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// verdict is what Serve returns: nil for an orderly end.
func (c *conn) verdict() error {
	if err := c.cause(); err != errOrderly {
		return err
	}
	return nil
}

// Done is closed when the tunnel holds nothing any more.
func (c *conn) Done() <-chan struct{} { return c.done }

// remove takes a stream out of the tunnel: both ends finished, or it was reset.
// The caller holds mu.
func (c *conn) remove(s *stream) {
	if s.gone {
		return
	}
	s.gone = true
	delete(c.streams, s.id)
	c.finishIfEmpty()
}
