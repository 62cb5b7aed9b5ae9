package h2

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Options tune a transport; every zero is the default given beside it.
type Options struct {
	StreamWindow     int           // bytes that a peer may send ahead of the reader, per stream; 256 KiB, at least 65,535
	MaxStreams       int           // streams that a peer may have open in one tunnel (server); 200
	HandshakeTimeout time.Duration // for the peer's preface and SETTINGS; 10 s
	PingInterval     time.Duration // silence after which the peer is asked for a sign of life; 10 s
	PingTimeout      time.Duration // silence after the PING after which the tunnel is lost; 20 s
	WriteTimeout     time.Duration // for the peer's TCP to take what is queued; 30 s
	LingerTimeout    time.Duration // after an orderly end, for the peer to close first; 1 s

	// Account is charged with what streams hold that was not read yet; nil: nobody's.
	Account *budget.Account

	// OnPanic is told of a panic that a handler let escape, with its stack. The
	// stream is reset; everything else goes on. A panic of ours, in reading, ends its
	// tunnel instead. nil: the panic is dropped.
	OnPanic func(v any, stack []byte)
}

func (o Options) resolved() Options {
	o.StreamWindow = max(orDefault(o.StreamWindow, streamWindow), initialWindow)
	o.MaxStreams = orDefault(o.MaxStreams, serverStreams)
	o.HandshakeTimeout = orDefault(o.HandshakeTimeout, 10*time.Second)
	o.PingInterval = orDefault(o.PingInterval, 10*time.Second)
	o.PingTimeout = orDefault(o.PingTimeout, 20*time.Second)
	o.WriteTimeout = orDefault(o.WriteTimeout, 30*time.Second)
	o.LingerTimeout = orDefault(o.LingerTimeout, time.Second)
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

type transport struct{ o Options }

// New returns HBONE over HTTP/2.
func New(o Options) tunnel.Transport { return &transport{o.resolved()} }

// Client starts the dialling end on c and waits for the peer's SETTINGS.
//
// RFC 9113 section 3.4 lets a client send requests at once. We wait, because in
// TLS 1.3 a server's verdict on the client's certificate comes after the
// client's handshake is over: only the first bytes from the peer say that it
// accepted us. They also bring its stream limit.
func (t *transport) Client(ctx context.Context, nc net.Conn) (tunnel.Tunnel, error) {
	c := newConn(nc, t.o, nil)
	go c.runClient()
	timeout := time.NewTimer(t.o.HandshakeTimeout)
	defer timeout.Stop()
	var err error
	select {
	case <-c.greeted:
		return c, nil
	case <-c.failed:
		err = c.cause()
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timeout.C:
		err = errGreeting
	}
	c.fail(err)
	<-c.done
	return nil, fmt.Errorf("h2: no greeting from the peer: %w", err)
}

// Serve runs the accepting end on c, calling h once for each CONNECT.
func (t *transport) Serve(ctx context.Context, nc net.Conn, h tunnel.Handler) error {
	c := newConn(nc, t.o, h)
	c.run(ctx)
	c.handlers.Wait()
	return c.verdict()
}
