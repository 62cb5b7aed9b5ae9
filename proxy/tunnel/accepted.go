package tunnel

import (
	"context"
	"crypto/tls"
	"net/netip"
)

// Accepted is a tunnel over datagrams after its handshake.
type Accepted struct {
	Remote, Local netip.AddrPort
	TLS           tls.ConnectionState
}

// Begin waits until the handshake of a tunnel over datagrams may begin; an error refuses it.
// ctx ends with the connection, whenever that is.
type Begin func(ctx context.Context, remote, local netip.AddrPort) error

// Admit says who serves the streams of an accepted tunnel; an error refuses it. ended is
// called when it has ended, with what Serve returned.
type Admit func(Accepted) (h Handler, ended func(error), err error)
