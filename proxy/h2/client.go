package h2

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The dialling end: conn is its tunnel.Tunnel.

// Usable reports whether another Open may succeed.
func (c *conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.leaving.any() && c.nextID <= maxStreamID
}

// Open: see tunnel.Tunnel.
func (c *conn) Open(ctx context.Context, head hbone.Head) (tunnel.Stream, hbone.Header, error) {
	if ctx.Err() != nil {
		return nil, hbone.Header{}, fmt.Errorf("h2: open: %w", errOf(ctx))
	}
	s, a, err := c.begin(head)
	if err != nil {
		return nil, hbone.Header{}, err
	}
	select {
	case <-a.come:
	case <-ctx.Done():
		s.Close() // settles it, unless the answer came first
	}
	<-a.come
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("h2: open: %w", errOf(ctx))
	case a.err != nil:
		err = a.err
	case a.status != hbone.StatusOK:
		err = &tunnel.StatusError{Status: a.status}
	default:
		return s, a.header, nil
	}
	s.Close()
	return nil, a.header, err
}

// begin queues the CONNECT.
func (c *conn) begin(head hbone.Head) (*stream, *answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err == errOrderly: // a GOAWAY that came before our first stream
		return nil, nil, &tunnel.RefusedError{Reason: tunnel.GoAway}
	case c.err != nil:
		return nil, nil, &tunnel.LostError{Err: c.err}
	case c.leaving.any(), c.nextID > maxStreamID:
		return nil, nil, &tunnel.RefusedError{Reason: tunnel.GoAway}
	case len(c.streams) >= c.limit(), len(c.send.control) > openControl:
		return nil, nil, &tunnel.RefusedError{Reason: tunnel.Full}
	}
	s := c.newStream(c.nextID)
	s.answer = &answer{come: make(chan struct{})}
	c.nextID += 2
	c.queue(control{kind: sendHeaders, s: s, id: s.id, fields: requestFields(head)})
	return s, s.answer, nil
}

// Better: see tunnel.Announcer.
func (c *conn) Better() <-chan struct{} { return c.better }

// BetterAt: see tunnel.Announcer.
func (c *conn) BetterAt() uint16 { return c.betterAt }

// hearBetter notes that the peer is reached over HTTP/3, too. Whoever listens there has to show
// the same identity.
func (c *conn) hearBetter(h hbone.Header) {
	if h.AltSvc == "" || c.told {
		return
	}
	if port, ok := hbone.ParseAltH3(h.AltSvc); ok {
		c.told, c.betterAt = true, port
		close(c.better)
	}
}

// recvAnswer takes the HEADERS of an answer.
func (c *conn) recvAnswer(id uint32, end bool, f *hbone.Fields) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.lookup(id)
	if s == nil {
		return c.lateFrame(err)
	}
	if s.answered {
		return s.moreHeaders()
	}
	status, malformed := f.Answer()
	switch {
	case malformed != "":
		return &streamError{id, http2.ErrCodeProtocol, malformed}
	case status < 200 && end:
		return &streamError{id, http2.ErrCodeProtocol, "interim answer that ends the stream"}
	case status < 200 && !c.recv.noise.Spend(time.Now(), 1):
		return calmError("too many interim answers")
	case status < 200:
		return nil // section 8.1: interim answers may be skipped
	}
	c.recv.grantLate()
	c.hearBetter(f.Header())
	s.settle(status, f.Header(), nil)
	if end {
		s.endRecv()
	}
	return nil
}
