package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Socket says how an Endpoint speaks through its UDP socket; the zero value will do where
// nothing outlives it.
type Socket struct {
	// IDs of the connections; nil: quic-go's own.
	IDs *IDs
	// Key makes the tokens by which a peer learns that the state of its connection is lost
	// (RFC 9000 section 10.3). A successor must have the same one. nil: none are sent.
	Key *[32]byte
}

// Endpoint is one UDP socket, from which tunnels are dialled and at which they are accepted:
// QUIC tells connections apart by their IDs. Its maker closes it, and the socket after it.
type Endpoint struct {
	t *Transport
	q *quic.Transport

	begun atomic.Int64 // handshakes that are not over
}

// On uses a socket, which nobody else may read.
func (t *Transport) On(pc net.PacketConn, s Socket) *Endpoint {
	e := &Endpoint{t: t, q: s.on(pc)}
	e.q.ConnContext = e.arrive
	e.q.VerifySourceAddress = e.mustShowAddress
	return e
}

func (s Socket) on(pc net.PacketConn) *quic.Transport {
	q := &quic.Transport{Conn: takeWhole(pc), StatelessResetKey: (*quic.StatelessResetKey)(s.Key)}
	if s.IDs != nil {
		q.ConnectionIDGenerator = s.IDs
	}
	return q
}

// Close ends all tunnels of the socket at once. It leaves the socket open.
func (e *Endpoint) Close() error { return errors.Join(e.q.Close(), cutUp(e.q.Conn)) }

// Dial makes a tunnel to an address.
func (e *Endpoint) Dial(ctx context.Context, to netip.AddrPort, c *tls.Config) (tunnel.Tunnel, tls.ConnectionState, error) {
	charge, err := e.stand()
	if err != nil {
		return nil, tls.ConnectionState{}, &tunnel.CrowdedError{Err: err}
	}
	q, err := e.q.Dial(ctx, net.UDPAddrFromAddrPort(to), overQUIC(c, nil), e.t.Config())
	if err != nil {
		charge.Leave()
		return nil, tls.ConnectionState{}, crowded(err)
	}
	context.AfterFunc(q.Context(), charge.Leave)
	t, err := e.t.Client(ctx, q)
	if err != nil {
		return nil, q.ConnectionState().TLS, err
	}
	charge.Ends(t.(*conn).relieve)
	return t, q.ConnectionState().TLS, nil
}

// overQUIC is a configuration for TLS with what differs: the protocol, and no tickets, so that nothing is
// ever resumed and nothing sent before the peer is verified (0-RTT). begin is called before anything is computed; nil: nobody's.
func overQUIC(c *tls.Config, begin func(*tls.ClientHelloInfo) error) *tls.Config {
	c = c.Clone()
	c.NextProtos = []string{NextProto}
	c.SessionTicketsDisabled = true
	one := c.GetConfigForClient
	if one == nil && begin == nil {
		return c
	}
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (own *tls.Config, err error) {
		if begin != nil {
			if err := begin(hello); err != nil {
				return nil, err
			}
		}
		if one != nil {
			own, err = one(hello)
		}
		if own == nil || err != nil {
			return nil, err
		}
		return overQUIC(own, nil), nil
	}
	return c
}

// Serve accepts tunnels until accept ends, and returns when all have ended: in order after drain
// ends, at once when cut does. begin and admit are called for each on a goroutine of its own.
func (e *Endpoint) Serve(accept, drain, cut context.Context, c *tls.Config, begin tunnel.Begin, admit tunnel.Admit) error {
	l, err := e.q.Listen(overQUIC(c, e.beginning(begin)), e.accepting())
	if err != nil {
		return err
	}
	var tunnels sync.WaitGroup
	for {
		q, err := l.Accept(accept)
		if err != nil {
			_ = l.Close() // what was accepted goes on
			tunnels.Wait()
			if errors.Is(err, context.Cause(accept)) || accept.Err() != nil {
				return nil
			}
			return err
		}
		attemptOf(q.Context()).over()
		tunnels.Go(func() { e.serve(drain, cut, q, admit) })
	}
}

func (e *Endpoint) serve(drain, cut context.Context, q *quic.Conn, admit tunnel.Admit) {
	stop := context.AfterFunc(cut, func() { _ = q.CloseWithError(codeNo, "") })
	defer stop()
	a := tunnel.Accepted{Remote: addrOf(q.RemoteAddr()), Local: addrOf(q.LocalAddr()), TLS: q.ConnectionState().TLS}
	s, err := admit(a)
	if err != nil {
		_ = q.CloseWithError(codeLoad, "")
		return
	}
	c := newConn(q, e.t.o, s.Handler)
	c.place.at, c.place.moved = a.Remote, s.Moved
	attemptOf(q.Context()).charge.Ends(c.relieve)
	c.runServer(drain)
	s.Ended(c.verdict())
}

func addrOf(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
