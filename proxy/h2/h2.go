package h2

import (
	"context"
	"errors"
	"net"
	"time"

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
	LingerTimeout    time.Duration // after a graceful end, for the peer to close first; 5 s

	// OnPanic is told of a panic that a handler let escape, with its stack. The
	// stream is reset; everything else goes on. nil: the panic is dropped.
	OnPanic func(v any, stack []byte)
}

type transport struct{ o Options }

// New returns HBONE over HTTP/2.
func New(o Options) tunnel.Transport { return &transport{o} }

func (t *transport) Client(ctx context.Context, c net.Conn) (tunnel.Tunnel, error) {
	c.Close()
	return nil, errors.New("not written yet")
}

func (t *transport) Serve(ctx context.Context, c net.Conn, h tunnel.Handler) error {
	c.Close()
	return errors.New("not written yet")
}
