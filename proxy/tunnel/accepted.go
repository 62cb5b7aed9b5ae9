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

// Admit says who serves an accepted tunnel; an error refuses it.
type Admit func(Accepted) (Served, error)

// Served is who serves an accepted tunnel.
type Served struct {
	Handler Handler
	// Moved is told that the peer's packets come from another address, which was found to be where it
	// receives, too. An error ends the tunnel.
	Moved func(netip.AddrPort) error
	// Ended is called when the tunnel has ended, with what Serve returned.
	Ended func(error)
}
