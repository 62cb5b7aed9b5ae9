package tunnel

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// Stream is the bytes of one CONNECT after its 200. One goroutine may read
// while another writes, and any may call the other methods at any time.
type Stream interface {
	// Read returns io.EOF after the peer's END_STREAM, and a [*ResetError]
	// after its RST_STREAM or the loss of the tunnel; net.ErrClosed after
	// Reset or Close at this end.
	io.Reader
	// Write blocks while the peer's window is full. It returns once the bytes
	// are taken over, not once they arrived; p is not kept. It fails promptly
	// when the stream is reset from either end or the tunnel is lost.
	io.Writer
	// CloseWrite sends END_STREAM after what was written; reading goes on.
	CloseWrite() error
	// SetDeadline, SetReadDeadline and SetWriteDeadline are those of net.Conn: waits that
	// have begun, too, fail with os.ErrDeadlineExceeded, and the stream goes on after
	// another deadline. A Write may have taken a part by then, which it says; its rest is to
	// be written next, or the stream can only be reset. A forwarded stream has none.
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// Reset ends both directions at once and tells the peer that the
	// connection behind this stream broke.
	Reset() error
	// Close releases the stream; what is unfinished is reset.
	Close() error
}

// Incoming is a CONNECT that waits for its answer: exactly one of Accept and
// Reject; a second answer is an error.
type Incoming interface {
	// Head is the request as it came, possibly malformed: see hbone.Head.
	Head() hbone.Head
	// Accept answers 200, before any DATA. It refuses a head that is not a
	// well-formed CONNECT, whatever its caller thinks of it. A reset that follows at once
	// may overtake the answer, over QUIC.
	Accept(h hbone.Header) (Stream, error)
	// Reject answers with an error status, no body, and ends the stream.
	Reject(status int) error
	// Context ends when the peer resets the stream, the tunnel ends, or the
	// handler has returned, or release was called.
	Context() context.Context
	// Keep lets the handler return before its stream has ended. Whoever goes on with the
	// stream calls release once at its end, instead of that return.
	Keep() (release func())
}

// Handler serves one CONNECT on its own goroutine. A panic in it is recovered
// and reported by the transport, and resets that stream only.
type Handler func(Incoming)

// Tunnel is the dialling end of a tunnel. All methods may be called from any
// goroutine.
type Tunnel interface {
	// Open sends a CONNECT and waits for its answer. Its errors: [*StatusError]
	// (an answer that is not 200), [*RefusedError] (safe to try elsewhere),
	// [*ResetError] (reset by the peer instead of an answer), [*LostError] (the
	// tunnel ended first), or ctx's own, wrapped.
	Open(ctx context.Context, head hbone.Head) (Stream, hbone.Header, error)
	// Usable reports whether another Open may succeed: not lost, no GOAWAY.
	Usable() bool
	// Leaving is closed when the peer has said that it takes no more streams here.
	Leaving() <-chan struct{}
	// Limit is how many streams it may carry at once; it may change.
	Limit() int
	// Drain takes no further Open and ends the tunnel, in order, once its last
	// stream has ended. It does not wait.
	Drain()
	// Done is closed when the tunnel has ended and holds nothing any more.
	Done() <-chan struct{}
	// Close ends the tunnel and its streams at once, and waits for Done.
	Close() error
}

// Transport makes tunnels out of handshaken connections.
type Transport interface {
	// Client starts the dialling end. It returns once the peer has spoken, so
	// that a certificate which the peer refused (TLS 1.3 tells the client only
	// after its own handshake is over) fails here and not in the first stream.
	Client(ctx context.Context, c net.Conn) (Tunnel, error)
	// Serve runs the accepting end and returns when the tunnel and all its
	// handlers have ended. When ctx ends it says GOAWAY, refuses new streams
	// and lets the open ones finish; closing c forces the end.
	Serve(ctx context.Context, c net.Conn, h Handler) error
}

// Breaking is a stream that this end may reset by itself, for want of budget, while its user waits for somebody
// else and looks at no stream. OnBreak is called once; f is called once then, if ever, by the
// goroutine that resets or by OnBreak itself.
type Breaking interface {
	OnBreak(f func(error))
}

// Sink is where a [Forwarder]'s bytes go.
type Sink interface {
	// Write blocks until all is taken.
	io.Writer
	// TryWrite takes what it can at once, 0 bytes when that is nothing. It may keep
	// neither v nor what it holds.
	TryWrite(v [][]byte) (n int, err error)
}

// Forwarding is who hears of the end of a forwarded stream, from any goroutine.
type Forwarding interface {
	// Ended is called once: with nil after the peer's END_STREAM and the last byte, else
	// with what ended the stream or the sink's own error.
	Ended(err error)
	// Broke may be called after Ended(nil): the stream broke while it could still be
	// written to; and before Ended, when it was reset while the sink does not take what
	// came before. A Close or Reset from this end is not told.
	Broke(err error)
}

// Forwarder is a stream that writes what arrives to a sink by itself, instead of being
// read: no goroutine waits for its bytes. Forward is called once, and nobody reads after.
type Forwarder interface {
	Forward(to Sink, by Forwarding)
}
