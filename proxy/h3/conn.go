package h3

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// conn is one tunnel, at either end.
type conn struct {
	q       *quic.Conn
	o       Options
	handler tunnel.Handler // nil: the dialling end
	limits  *limits

	greeted    chan struct{} // closed when the peer's SETTINGS have come
	leaving    chan struct{} // closed when its GOAWAY has
	done       chan struct{}
	controlled atomic.Bool // the peer has its control stream
	spoke      atomic.Bool // streams moved bytes since the last look at the peer
	readers    sync.WaitGroup
	kept       sync.WaitGroup // streams that outlive their handlers
	drained    chan struct{}  // accepting end: closed when drain has returned

	mu       sync.Mutex
	control  *quic.SendStream
	err      error         // why it ended; nil: it has not
	draining bool          // no stream begins any more
	gone     bool          // leaving is closed
	lastID   uint64        // of the peer's GOAWAY
	nextID   quic.StreamID // accepting end: no stream from this on was begun
	streams  int           // begun and not let go
	linger   *time.Timer
	quiet    silence
	owing    map[*stream]struct{}  // see charge.go
	leavers  map[*stream]time.Time // see vanish.go
	reminder *time.Timer           // nil: neither is there
	over     bool                  // nothing is there any more
	place    place
	idle     chan struct{} // accepting end that drains: closed when streams are 0
}

func newConn(q *quic.Conn, o Options, h tunnel.Handler) *conn {
	return &conn{
		q: q, o: o, handler: h, limits: cmp.Or(o.limits, newLimits()),
		greeted: make(chan struct{}), leaving: make(chan struct{}), done: make(chan struct{}), idle: make(chan struct{}), drained: make(chan struct{}),
		lastID: 1<<62 - 1,
	}
}

// fail ends the tunnel. The first error stays.
func (c *conn) fail(code uint64, err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if !first {
		return
	}
	c.stopTimers()
	reason := ""
	if e := (*ConnError)(nil); errors.As(err, &e) {
		reason = e.Reason
	}
	if e := (*SilentError)(nil); errors.As(err, &e) {
		reason = "peer silent"
	}
	_ = c.q.CloseWithError(quic.ApplicationErrorCode(code), reason)
	c.evictAll()
}

// relieve ends a tunnel since memory is short, for no reason that anybody knows.
func (c *conn) relieve(err error) { c.fail(codeLoad, err) }

// stopTimers leaves nothing that fires later.
func (c *conn) stopTimers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range []*time.Timer{c.linger, c.quiet.timer, c.reminder, c.place.timer} {
		if t != nil {
			t.Stop()
		}
	}
}

// failWith is fail with the code that the error has.
func (c *conn) failWith(err error) {
	if e := (*ConnError)(nil); errors.As(err, &e) {
		c.fail(e.Code, err)
		return
	}
	c.fail(codeNo, err)
}

// charged ends the tunnel of a peer that does too much of what leads nowhere; err is what limits says of it.
func (c *conn) charged(err error) {
	if err != nil {
		c.failWith(err)
	}
}

// told2Leave takes the peer's GOAWAY: streams from id on are not served. To the accepting end it says a push, of which there is none.
func (c *conn) told2Leave(id uint64) error {
	if c.handler == nil && id%4 != 0 {
		return connError(codeID, "a GOAWAY with the ID %d, which no request has", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id > c.lastID {
		return connError(codeID, "a GOAWAY that takes streams back")
	}
	c.lastID = id
	if !c.gone {
		c.gone = true
		close(c.leaving)
	}
	return nil
}

// leave is called once for each stream that ended.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams--
	c.rest()
}

// rest looks whether a tunnel that drains has nothing left to do.
func (c *conn) rest() {
	if !c.draining || c.streams > 0 || c.err != nil {
		return
	}
	if c.handler != nil {
		select {
		case <-c.idle:
		default:
			close(c.idle)
		}
		return
	}
	if c.linger == nil {
		c.linger = time.AfterFunc(c.o.LingerTimeout, func() { c.fail(codeNo, errOrderly) })
	}
}

// Loss implements tunnel.Losing.
func (c *conn) Loss() tunnel.Loss {
	err := c.verdict()
	var silent *SilentError
	var closed *quic.ApplicationError
	var unknown *quic.StatelessResetError
	var idle *quic.IdleTimeoutError
	switch {
	case err == nil, errors.Is(err, quic.ErrTransportClosed):
		return tunnel.Kept
	case errors.As(err, &silent), errors.As(err, &closed) && closed.ErrorCode == codeSilent:
		return tunnel.Silent
	case errors.As(err, &unknown):
		return tunnel.Restarted
	case errors.As(err, &idle):
		return tunnel.TimedOut
	default:
		return tunnel.Broken
	}
}

// verdict is what Serve returns: nil after an orderly end.
func (c *conn) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var closed *quic.ApplicationError
	if c.err == errOrderly || errors.As(c.err, &closed) && closed.ErrorCode == codeNo {
		return nil
	}
	return c.err
}
