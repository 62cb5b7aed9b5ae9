package h3

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// stream is one CONNECT, at either end.
type stream struct {
	c      *conn
	q      *quic.Stream
	charge charge

	in   deframer // Read's
	out  []byte   // Write's: what is not sent of a frame's head
	owed int      // Write's: what is not sent of its payload

	mu       sync.Mutex
	writing  bool  // a Write is in progress, which alone uses out and owed
	finished bool  // sending: CloseWrite was called
	ended    bool  // receiving: FIN has come
	closed   error // reset or closed at this end
	left     bool  // its place was given back
	broken   error // why it was reset for want of budget
	onBreak  func(error)
}

func newStream(c *conn, q *quic.Stream) *stream { return &stream{c: c, q: q} }

// smallWrite is up to which size a payload is copied behind the head of its frame, since two writes
// of the stream cost more than the copy.
const smallWrite = 2 << 10

// Read: see tunnel.Stream.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.waits()
	defer s.leaves()
	for {
		n, err := s.step(p)
		if err == io.EOF {
			s.settle()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// step reads once. What has arrived may be no payload.
func (s *stream) step(p []byte) (int, error) {
	n, err := s.q.Read(p)
	if away := s.away(); away != nil {
		return 0, s.failed(away)
	}
	s.c.moves(n)
	kept, wrong := s.in.take(p[:n])
	if wrong == nil && s.in.noise > 0 {
		wrong = s.c.limits.noisy(s.in.noise)
		s.in.noise = 0
	}
	if err == io.EOF && wrong == nil && !s.in.whole() {
		wrong = connError(codeFrame, "a stream ends within a frame")
	}
	switch {
	case wrong != nil:
		s.c.failWith(wrong)
		return kept, s.c.told(wrong)
	case err == io.EOF:
		s.endRead()
		return kept, io.EOF
	default:
		return kept, s.failed(err)
	}
}

// copies are what WriteTo reads into. One is taken when there is something to read: a stream
// that is idle holds none.
var copies = sync.Pool{New: func() any { return new([copySize]byte) }}

// WriteTo implements io.WriterTo.
func (s *stream) WriteTo(w io.Writer) (written int64, err error) {
	for {
		s.waits()
		var b [1]byte
		_, _ = s.q.Peek(b[:]) // its error comes again
		s.leaves()
		n, err := s.pass(w)
		written += int64(n)
		if err == io.EOF {
			s.settle() // only now: its last bytes are written
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}

// pass passes on what has arrived.
func (s *stream) pass(w io.Writer) (int, error) {
	b := copies.Get().(*[copySize]byte)
	defer copies.Put(b)
	n, err := s.step(b[:])
	if n == 0 {
		return 0, err
	}
	n, wrong := w.Write(b[:n])
	if wrong != nil {
		return n, wrong
	}
	return n, err
}

// Write: see tunnel.Stream. A deadline may leave a frame unfinished: what is written next
// goes on with it.
func (s *stream) Write(p []byte) (taken int, err error) {
	if err := s.beginWrite(); err != nil {
		return 0, err
	}
	err = s.away()
	for err == nil && taken < len(p) {
		var n int
		n, err = s.write(p[taken:])
		s.c.moves(n)
		taken += n
	}
	s.endWrite()
	return taken, s.failed(err)
}

// beginWrite has a CloseWrite that comes meanwhile wait for the end of the frame.
func (s *stream) beginWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed != nil:
		return s.closed
	case s.finished:
		return io.ErrClosedPipe
	}
	s.writing = true
	return nil
}

func (s *stream) endWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	if s.finished && s.closed == nil {
		s.finish()
	}
}

// finish sends FIN. A frame that a deadline cut short has no end any more, and neither has its stream.
func (s *stream) finish() {
	if s.owed > 0 {
		s.q.CancelWrite(codeCancelled)
		return
	}
	_ = s.q.Close() // fails for a stream that was reset only, which its reader learns
}

// write writes of p what belongs to one frame.
func (s *stream) write(p []byte) (int, error) {
	if s.owed == 0 {
		s.out = appendFrameHead(s.out[:0], frameData, len(p))
		s.owed = len(p)
	}
	p = p[:min(len(p), s.owed)]
	head := len(s.out)
	if head == 0 || len(p) > smallWrite {
		if n, err := s.q.Write(s.out); err != nil {
			s.out = s.out[n:]
			return 0, err
		}
		s.out = s.out[:0]
		n, err := s.q.Write(p)
		s.owed -= n
		return n, err
	}
	whole := append(s.out, p...)
	n, err := s.q.Write(whole)
	s.out = whole[min(n, head):head]
	n = max(n-head, 0)
	s.owed -= n
	return n, err
}

// failed is what the stream's user sees of an error of quic-go.
func (s *stream) failed(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed != nil {
		return closed
	}
	return s.c.told(err)
}

// CloseWrite: see tunnel.Stream.
func (s *stream) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished || s.closed != nil {
		return s.closed
	}
	s.finished = true
	if !s.writing {
		s.finish()
	}
	return nil
}

// AwaitBreak blocks until the peer wants no more, or the tunnel is lost, which it returns, or until CloseWrite was called: for a
// reader that has seen io.EOF. The FIN before it leaves the peer no way to reset but STOP_SENDING, which only writing
// would tell.
func (s *stream) AwaitBreak() error {
	<-s.q.Context().Done()
	var reset *quic.StreamError
	err := context.Cause(s.q.Context())
	if errors.Is(err, quic.ErrStreamClosed) || errors.As(err, &reset) && reset.ErrorCode == codeNo {
		return nil
	}
	return s.failed(err)
}

// SetDeadline, SetReadDeadline and SetWriteDeadline: see tunnel.Stream.
func (s *stream) SetDeadline(t time.Time) error      { return s.q.SetDeadline(t) }
func (s *stream) SetReadDeadline(t time.Time) error  { return s.q.SetReadDeadline(t) }
func (s *stream) SetWriteDeadline(t time.Time) error { return s.q.SetWriteDeadline(t) }

// Reset: see tunnel.Stream.
func (s *stream) Reset() error {
	s.abort(codeConnect)
	return nil
}

// Close: see tunnel.Stream.
func (s *stream) Close() error {
	s.abort(codeCancelled)
	s.mu.Lock()
	left := s.left
	s.left = true
	s.mu.Unlock()
	if !left {
		s.c.leave()
		s.c.vanish(s)
	}
	return nil
}

// giveUp ends an Open whose caller waits no longer.
func (s *stream) giveUp() { s.abort(codeCancelled) }

// abort ends what has not ended, in both directions.
func (s *stream) abort(code quic.StreamErrorCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abortWith(code, net.ErrClosed)
}

// abortWith is abort with what the stream's user is told. The caller holds mu.
func (s *stream) abortWith(code quic.StreamErrorCode, why error) {
	if s.closed != nil {
		return
	}
	s.closed = why
	if !s.ended {
		s.q.CancelRead(code)
	}
	if !s.finished || code == codeConnect { // what was finished is delivered, unless the connection broke
		s.q.CancelWrite(code)
	}
}

// evict is abort for want of budget. The stream's user may be in a write to somebody who takes nothing.
func (s *stream) evict() {
	why := s.c.o.Account.Overflow()
	s.mu.Lock()
	s.abortWith(codeLoad, why)
	s.broken = why
	tell := s.onBreak
	s.mu.Unlock()
	if tell != nil {
		tell(why)
	}
}

// OnBreak: see tunnel.Breaking.
func (s *stream) OnBreak(f func(error)) {
	s.mu.Lock()
	s.onBreak = f
	why := s.broken
	s.mu.Unlock()
	if why != nil {
		f(why)
	}
}

func (s *stream) endRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}
