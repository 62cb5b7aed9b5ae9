package h2

import (
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// How a tunnel ends in order (RFC 9113 section 6.8): GOAWAY, in either
// direction; the open streams finish; then each end flushes, says close_notify
// and reads on until the other has closed too.

// leavingState is guarded by conn.mu.
type leavingState struct {
	sent      bool // we said GOAWAY
	received  bool // the peer did
	finishing bool // no stream is left: flush and close
	hard      bool // Close was called: with less patience
	peerError error
	heard     chan struct{} // closed with received; nil until somebody asks
}

func (l leavingState) any() bool { return l.sent || l.received || l.finishing }

// Drain lets the open streams finish; new ones are refused. One GOAWAY with the
// last stream that we took suffices: what the peer sent before it saw that is
// answered by REFUSED_STREAM, which is as safe to retry.
func (c *conn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sayGoAway()
	c.finishIfEmpty()
}

// Close ends the tunnel with its streams, and waits.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.err == nil {
		c.leaving.hard = true
		c.sayGoAway()
		for _, s := range c.streams {
			s.lose(errOrderly)
		}
		clear(c.streams)
		c.finishIfEmpty()
		c.hurry()
	}
	c.mu.Unlock()
	<-c.done
	return nil
}

// hurry shortens the waits that are under way already.
func (c *conn) hurry() {
	soon := time.Now().Add(c.o.LingerTimeout)
	c.nc.SetWriteDeadline(soon)
	c.nc.SetReadDeadline(soon)
}

func (c *conn) sayGoAway() {
	if c.leaving.sent || c.err != nil {
		return
	}
	c.leaving.sent = true
	c.queue(control{kind: sendGoAway, id: c.lastID, n: uint32(http2.ErrCodeNo)})
}

// finishIfEmpty starts the orderly end once the last stream is gone.
func (c *conn) finishIfEmpty() {
	if !c.leaving.any() || c.leaving.finishing || len(c.streams) > 0 || c.err != nil {
		return
	}
	c.sayGoAway()
	c.leaving.finishing = true
	c.send.wake.Signal()
}

// lastWords is what sendLoop still writes after a failure: why, if it was our
// decision (RFC 9113 section 5.4.1).
func (c *conn) lastWords() {
	if ce, ok := c.err.(*ConnError); ok && ce.Local {
		c.encode(control{kind: sendGoAway, id: c.lastID, n: uint32(ce.Code), debug: ce.Reason})
	}
}

// Leaving is closed when the peer has said GOAWAY.
func (c *conn) Leaving() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving.heard == nil {
		c.leaving.heard = make(chan struct{})
		if c.leaving.received {
			close(c.leaving.heard)
		}
	}
	return c.leaving.heard
}

func (c *conn) recvGoAway(f *http2.GoAwayFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving.heard != nil && !c.leaving.received {
		close(c.leaving.heard)
	}
	c.leaving.received = true
	if f.ErrCode != http2.ErrCodeNo {
		said := f.DebugData()
		c.leaving.peerError = &ConnError{Code: f.ErrCode, Reason: string(said[:min(len(said), maxDebug)])}
	}
	if c.client() {
		c.refuseAbove(f.LastStreamID)
	}
	c.finishIfEmpty()
	return nil
}

// refuseAbove ends the streams that the peer will not have looked at.
func (c *conn) refuseAbove(last uint32) {
	for id, s := range c.streams {
		if id <= last {
			continue
		}
		s.settle(0, hbone.Header{}, &tunnel.RefusedError{Reason: tunnel.GoAway})
		s.finish(resetError(http2.ErrCodeRefusedStream), nil)
		s.in.fail(resetError(http2.ErrCodeRefusedStream), true)
	}
}
