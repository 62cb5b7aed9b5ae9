package h3

import (
	"context"
	"fmt"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Options tune a transport; every zero is the default given beside it.
type Options struct {
	StreamWindow     int           // bytes that a peer may send ahead of the reader, per stream, if it keeps up; half of it at first; 128 KiB
	MaxStreams       int           // streams that a peer may have open in one tunnel (server); 100
	RetryAbove       int           // unfinished handshakes of an endpoint, from which on peers must show their addresses; 8
	HandshakeTimeout time.Duration // for the peer's SETTINGS, and for the head of a request; 10 s
	PingInterval     time.Duration // silence after which the peer is asked for a sign of life; 10 s
	SilenceTimeout   time.Duration // somebody spoke, and the peer gave no sign of life for about so long; 2 s
	IdleTimeout      time.Duration // silence after which the tunnel is lost; 30 s
	LingerTimeout    time.Duration // after the last stream of a tunnel that drains, for what is on its way; 1 s

	// FinalTimeout is how long a peer may take to say how long a stream was that was reset here, before it loses its
	// tunnel (vanish.go); 5 s. Its process may stand still for a moment. Less while the workload has drowned.
	FinalTimeout time.Duration

	// Handshakes counts the unfinished ones of all endpoints of the process; nil: of this transport's.
	Handshakes *Handshakes

	// Account is charged with what streams may hold that was not read yet; nil: nobody's.
	Account *budget.Account

	// OnPanic is told of a panic that a handler let escape, with its stack. The stream is
	// reset; everything else goes on. nil: the panic is dropped.
	OnPanic func(v any, stack []byte)

	limits *limits // nil: newLimits; of the one tunnel that a test makes
}

func (o Options) resolved() Options {
	o.StreamWindow = orDefault(o.StreamWindow, 128<<10)
	o.MaxStreams = orDefault(o.MaxStreams, 100)
	o.RetryAbove = orDefault(o.RetryAbove, 8)
	o.HandshakeTimeout = orDefault(o.HandshakeTimeout, 10*time.Second)
	o.PingInterval = orDefault(o.PingInterval, 10*time.Second)
	o.SilenceTimeout = orDefault(o.SilenceTimeout, 2*time.Second)
	o.IdleTimeout = orDefault(o.IdleTimeout, 30*time.Second)
	o.LingerTimeout = orDefault(o.LingerTimeout, time.Second)
	o.FinalTimeout = orDefault(o.FinalTimeout, 5*time.Second)
	if o.Handshakes == nil {
		o.Handshakes = new(Handshakes)
	}
	if o.OnPanic == nil {
		o.OnPanic = func(any, []byte) {}
	}
	return o
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Transport is HBONE over HTTP/3.
type Transport struct{ o Options }

// New makes a transport.
func New(o Options) *Transport { return &Transport{o.resolved()} }

// NextProto is the protocol that TLS must have agreed on (RFC 9114 section 3.1).
const NextProto = "h3"

// peerUniStreams are the peer's control stream, two of QPACK, and one that we do not know.
const peerUniStreams = 4

// window is that of a connection: no stream can take another's credit. (One that is smaller at first and grows would
// stall the others when streams that have grown fall asleep.)
func (o Options) window() int { return o.StreamWindow * (o.MaxStreams + peerUniStreams) }

// Config is what connections given to Client and Serve must have been made with.
func (t *Transport) Config() *quic.Config {
	window, all := uint64(t.o.StreamWindow), uint64(t.o.window())
	return &quic.Config{
		HandshakeIdleTimeout:           t.o.HandshakeTimeout,
		MaxIdleTimeout:                 t.o.IdleTimeout,
		KeepAlivePeriod:                t.o.PingInterval,
		InitialStreamReceiveWindow:     window / 2,
		MaxStreamReceiveWindow:         window,
		InitialConnectionReceiveWindow: all,
		MaxConnectionReceiveWindow:     all,
		MaxIncomingStreams:             int64(t.o.MaxStreams),
		MaxIncomingUniStreams:          peerUniStreams,
		RequireStreamCreditRelease:     true,
	}
}

// Client starts the dialling end on q and waits for the peer's SETTINGS: only they say
// that it accepted our certificate, which TLS 1.3 checks after the client's handshake is over.
func (t *Transport) Client(ctx context.Context, q *quic.Conn) (tunnel.Tunnel, error) {
	c := newConn(q, t.o, nil)
	go c.runClient()
	timeout := time.NewTimer(t.o.HandshakeTimeout)
	defer timeout.Stop()
	var err error
	select {
	case <-c.greeted:
		return c, nil
	case <-q.Context().Done():
		err = context.Cause(q.Context())
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timeout.C:
		err = errGreeting
	}
	c.fail(codeNo, err)
	<-c.done
	return nil, fmt.Errorf("h3: no greeting from the peer: %w", err)
}

// Serve runs the accepting end on q, calling h once for each CONNECT.
func (t *Transport) Serve(ctx context.Context, q *quic.Conn, h tunnel.Handler) error {
	c := newConn(q, t.o, h)
	c.runServer(ctx)
	return c.verdict()
}
