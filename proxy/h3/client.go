package h3

import (
	"context"
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The dialling end: conn is its tunnel.Tunnel.

// poolStreams is how many streams a tunnel carries when the peer allows them: quic-go does
// not say how many that is before one is refused.
const poolStreams = 100

func (c *conn) runClient() {
	defer close(c.done)
	if err := c.openControl(); err != nil {
		c.fail(codeInternal, err)
	}
	c.readers.Go(c.acceptControl)
	c.readers.Go(c.refuseStreams)
	<-c.q.Context().Done()
	c.fail(codeNo, context.Cause(c.q.Context()))
	c.settleAll()
	c.readers.Wait()
}

// refuseStreams: a server opens no bidirectional stream (RFC 9114 section 6.1).
func (c *conn) refuseStreams() {
	if _, err := c.q.AcceptStream(c.q.Context()); err == nil {
		c.failWith(connError(codeStreamMade, "a request of the accepting end"))
	}
}

// Usable reports whether another Open may succeed.
func (c *conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.draining && !c.gone
}

// Leaving: see tunnel.Tunnel.
func (c *conn) Leaving() <-chan struct{} { return c.leaving }

// Limit: see tunnel.Tunnel.
func (c *conn) Limit() int { return poolStreams }

// Done: see tunnel.Tunnel.
func (c *conn) Done() <-chan struct{} { return c.done }

// Drain: see tunnel.Tunnel.
func (c *conn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	c.rest()
}

// Close: see tunnel.Tunnel.
func (c *conn) Close() error {
	c.fail(codeNo, errOrderly)
	<-c.done
	return nil
}

// Open: see tunnel.Tunnel.
func (c *conn) Open(ctx context.Context, head hbone.Head) (tunnel.Stream, hbone.Header, error) {
	if ctx.Err() != nil {
		return nil, hbone.Header{}, fmt.Errorf("h3: open: %w", errOf(ctx))
	}
	q, err := c.begin()
	if err != nil {
		return nil, hbone.Header{}, err
	}
	s := newStream(c, q)
	stop := context.AfterFunc(ctx, s.giveUp)
	header, err := s.ask(head)
	if !stop() && ctx.Err() != nil {
		err = fmt.Errorf("h3: open: %w", errOf(ctx))
	}
	if err != nil {
		s.Close()
		return nil, header, err
	}
	s.leaves() // until its user reads
	return s, header, nil
}

// begin takes a place for a stream.
func (c *conn) begin() (*quic.Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err == errOrderly, c.draining, c.gone:
		return nil, &tunnel.RefusedError{Reason: tunnel.GoAway}
	case c.err != nil:
		return nil, &tunnel.LostError{Err: c.err}
	}
	q, err := c.q.OpenStream()
	var full *quic.StreamLimitReachedError
	if errors.As(err, &full) {
		return nil, &tunnel.RefusedError{Reason: tunnel.Full}
	}
	if err != nil {
		return nil, &tunnel.LostError{Err: err}
	}
	c.streams++
	c.watch()
	return q, nil
}

// ask sends the CONNECT and reads its answer.
func (s *stream) ask(head hbone.Head) (hbone.Header, error) {
	if _, err := s.q.Write(appendRequest(nil, head)); err != nil {
		return hbone.Header{}, s.c.unanswered(err)
	}
	for interim := 0; interim < maxInterim; interim++ {
		f, err := readHeaders(s.q, s.c.limits)
		if err != nil {
			return hbone.Header{}, s.noAnswer(err)
		}
		status, malformed := f.Answer()
		switch {
		case malformed != "":
			return hbone.Header{}, s.noAnswer(&streamError{codeMessage, malformed})
		case status < 200:
			if err := s.c.limits.noisy(1); err != nil {
				return hbone.Header{}, s.noAnswer(err)
			}
			continue // section 4.1: interim answers may be skipped
		case status != hbone.StatusOK:
			return f.Header(), &tunnel.StatusError{Status: status}
		}
		return f.Header(), nil
	}
	return hbone.Header{}, s.noAnswer(&streamError{codeLoad, "too many interim answers"})
}

// maxInterim bounds the answers that are none.
const maxInterim = 8

// noAnswer is what Open says when there was none that can be used.
func (s *stream) noAnswer(err error) error {
	var wrong *streamError
	var broken *ConnError
	switch {
	case errors.As(err, &wrong):
		s.abort(wrong.code)
		return &tunnel.ResetError{Code: uint32(wrong.code), Name: nameOf(uint64(wrong.code)) + " (here: " + wrong.reason + ")"}
	case errors.As(err, &broken):
		s.c.failWith(err)
	}
	return s.c.unanswered(err)
}
