package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// stream is one CONNECT, at either end. Its two directions end apart:
//
//	sending:   open → END_STREAM queued → sent          any → reset, lost
//	receiving: open → END_STREAM received (in: io.EOF)
//
// When both have ended, or at a reset, it is gone: out of conn.streams, and no
// frame of it goes out any more. What has arrived stays readable in its inbox.
type stream struct {
	c  *conn
	id uint32
	in inbox // has a lock of its own

	level   int           // recvLoop's own: see windowFor
	levelAt time.Duration // when level was so

	gathered int // ditto: its place in recvState.gathered, from 1; 0: none

	writing sync.Mutex // one Write at a time

	// Guarded by c.mu.
	out        []byte    // what the Write in progress has not handed over; its caller's memory
	writable   sync.Cond // Write waits here until out is empty
	sendErr    error     // what Write returns from now on
	sendWindow int64
	deadline   *deadline // of writing
	unreturned int64     // sent, and no credit came back for it
	waiting    bool      // in the queue of ready streams
	next       *stream   // there
	endQueued  bool      // END_STREAM is to be sent, or was
	ended      bool      // END_STREAM was sent
	recvEnded  bool      // END_STREAM was received
	gone       bool

	answered bool               // the head of the answer was sent or received, or will never be
	answer   *answer            // dialling end, until Open has it
	cancel   context.CancelFunc // accepting end: of the handler's context
}

// answer is what Open waits for at the dialling end.
type answer struct {
	come   chan struct{} // closed when the rest is set
	status int
	header hbone.Header
	err    error
}

// newStream adds a stream to the tunnel. The caller holds mu.
func (c *conn) newStream(id uint32) *stream {
	s := &stream{
		c:          c,
		id:         id,
		sendWindow: c.peer.window,
		cancel:     func() {},
	}
	s.writable.L = &c.mu
	s.in.init(c.o.StreamWindow, c.o.Account)
	c.streams[id] = s
	return s
}

// Read: see tunnel.Stream.
func (s *stream) Read(p []byte) (int, error) {
	n, back, err := s.in.read(p)
	s.giveBack(back)
	return n, err
}

// WriteTo moves what arrives to w until io.EOF, in the pieces that it is held
// in: io.Copy finds it, and needs no buffer while the stream is silent.
func (s *stream) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		k, back, err := s.in.take()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(k.b[k.r:k.w])
		s.in.put(k)
		total += int64(n)
		s.giveBack(back)
		if err != nil {
			return total, err
		}
	}
}

// Write: see tunnel.Stream.
func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if err := s.canWrite(); err == errUnwanted {
		return len(p), nil
	} else if err != nil {
		return 0, err
	}
	s.out = p
	s.c.put(s)
	for len(s.out) > 0 && s.sendErr == nil && !s.deadline.passed() {
		s.writable.Wait()
	}
	n := len(p) - len(s.out)
	s.out = nil // p belongs to the caller again
	switch {
	case n == len(p), s.sendErr == errUnwanted:
		return len(p), nil
	case s.sendErr == nil:
		return n, os.ErrDeadlineExceeded
	}
	return n, s.sendErr
}

func (s *stream) canWrite() error {
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.endQueued:
		return io.ErrClosedPipe
	case s.deadline.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// AwaitBreak blocks until the stream is reset or lost, which it returns, or our
// END_STREAM was queued: for a reader that has seen io.EOF, when only writing
// would tell.
func (s *stream) AwaitBreak() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for s.sendErr == nil && !s.endQueued {
		s.writable.Wait()
	}
	return wanted(s.sendErr)
}

// wanted is err, but nothing for what the peer does not want.
func wanted(err error) error {
	if err == errUnwanted {
		return nil
	}
	return err
}

// CloseWrite: see tunnel.Stream.
func (s *stream) CloseWrite() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.sendErr != nil || s.endQueued {
		return wanted(s.sendErr)
	}
	s.endQueued = true
	s.writable.Broadcast() // for AwaitBreak
	if len(s.out) == 0 {   // else it rides on the last DATA of the Write in progress
		s.c.queue(control{kind: sendEnd, s: s, id: s.id})
	}
	return nil
}

// Reset: a broken connection is CONNECT_ERROR (RFC 9113 section 8.5), not
// CANCEL: ztunnel reads CANCEL as the orderly end of the stream.
func (s *stream) Reset() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.drop(http2.ErrCodeConnect)
	return nil
}

// Close: see tunnel.Stream.
func (s *stream) Close() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.drop(http2.ErrCodeCancel)
	return nil
}

// drop ends the stream at its user's wish.
func (s *stream) drop(code http2.ErrCode) {
	ending := s.recvEnded && s.endQueued && len(s.out) == 0 // by END_STREAM, on its way
	if !s.gone && !ending {
		s.c.queue(control{kind: sendReset, id: s.id, n: uint32(code)})
		s.finish(net.ErrClosed, net.ErrClosed)
	}
	s.in.fail(net.ErrClosed, true)
}

// abort ends a stream that the peer used wrongly.
func (s *stream) abort(code http2.ErrCode, err error) {
	s.c.queue(control{kind: sendReset, id: s.id, n: uint32(code)})
	s.finish(err, err)
	s.in.fail(err, true)
}

// resetByPeer ends a stream after the peer's RST_STREAM.
func (s *stream) resetByPeer(code http2.ErrCode) {
	err := resetError(code)
	unanswered := err
	if code == http2.ErrCodeRefusedStream { // RFC 9113 section 8.7
		unanswered = &tunnel.RefusedError{Reason: tunnel.Refused}
	}
	// RFC 9113 section 8.1: NO_ERROR after a complete answer only asks us to stop
	// sending. What was received stays, and what is still to be sent goes nowhere: an
	// error of Write would make a relay cut the answer off.
	if code == http2.ErrCodeNo && s.recvEnded {
		s.finish(errUnwanted, unanswered)
		return
	}
	s.finish(err, unanswered)
	s.in.fail(err, true)
}

// lose ends a stream whose tunnel ended. What arrived before stays readable.
func (s *stream) lose(cause error) {
	err := &tunnel.ResetError{Lost: cause}
	s.sendErr = err // before it is gone, so that finish need not touch the table
	s.gone = true
	s.settle(0, hbone.Header{}, &tunnel.LostError{Err: cause})
	s.writable.Broadcast()
	s.cancel()
	s.in.fail(err, false)
}

// finish takes the stream out of the tunnel. sendErr is for its writer,
// unanswered for an Open that still waits.
func (s *stream) finish(sendErr, unanswered error) {
	if s.sendErr == nil {
		s.sendErr = sendErr
	}
	s.settle(0, hbone.Header{}, unanswered)
	s.writable.Broadcast()
	s.cancel()
	s.c.remove(s)
}

// settle answers Open, once.
func (s *stream) settle(status int, h hbone.Header, err error) {
	if s.answered {
		return
	}
	s.answered = true
	if s.answer != nil {
		s.answer.status, s.answer.header, s.answer.err = status, h, err
		close(s.answer.come)
		s.answer = nil
	}
}

// endRecv notes the peer's END_STREAM.
func (s *stream) endRecv() {
	s.recvEnded = true
	s.in.end()
	if s.ended {
		s.c.remove(s)
	}
}

// endSent notes that END_STREAM is in the batch.
func (s *stream) endSent() {
	s.ended = true
	if s.recvEnded {
		s.c.remove(s)
	}
}

// errOf tells whether a context ended for a reason of its own.
func errOf(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, ctx.Err()) {
		return errors.Join(ctx.Err(), err)
	}
	return ctx.Err()
}
