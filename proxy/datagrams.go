package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Datagrams are tunnels over QUIC through one UDP socket of the workload, which is at its
// HBONE port; *h3.Endpoint is one. What is carried in them is what TCP carries: the same
// streams, identities and policies.
type Datagrams interface {
	Dial(ctx context.Context, to netip.AddrPort, c *tls.Config) (tunnel.Tunnel, tls.ConnectionState, error)
	// Serve accepts tunnels until accept ends; the other two end those that were accepted.
	Serve(accept, drain, cut context.Context, c *tls.Config, begin tunnel.Begin, admit tunnel.Admit) error
	Close() error
}

// altSvc is what answers announce of the workload's datagrams. It is the placement's own port: nothing
// redirects datagrams, since conntrack would lead new tunnels where older ones of the same peer go.
func (w *Workload) altSvc() string {
	if w.Datagrams == nil || w.deaf.Load() {
		return ""
	}
	return hbone.AltH3(w.Ports.HBONE)
}

// dialDatagrams makes a tunnel over QUIC for the pool, to a peer that has announced it.
func (w *Workload) dialDatagrams(ctx context.Context, k tunnel.Key) (tunnel.Tunnel, time.Time, error) {
	if w.deaf.Load() {
		return nil, time.Time{}, errDeaf
	}
	accept, err := acceptedIDs(k.Destination)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := w.sourceIsOnly(k); err != nil {
		return nil, time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	place, err := w.Account.Tunnel(ctx)
	if err != nil {
		if ctx.Err() == nil { // or it is the time that ran out
			err = &tunnel.CrowdedError{Err: err}
		}
		return nil, time.Time{}, w.stays(err)
	}
	if err := w.Account.Begin(ctx); err != nil {
		place.Leave()
		return nil, time.Time{}, w.stays(err)
	}
	begun := time.Now()
	t, state, err := w.Datagrams.Dial(ctx, k.Address, guarded(w.inTurns(ctx, w.clientTLS(accept)), w.panicked))
	w.Counters.Handshake.Since(begun)
	if err != nil {
		place.Leave()
		return nil, time.Time{}, w.stays(&HandshakeError{k.Address, err})
	}
	w.Counters.Upgrades.Add(1)
	go func() {
		<-t.Done()
		place.Leave()
		if l, ok := t.(tunnel.Losing); ok {
			w.Counters.Losses[l.Loss()].Add(1)
		}
	}()
	return t, identity.Until(w.Source, state), nil
}

// stays counts why a peer's tunnel stays on HTTP/2.
func (w *Workload) stays(err error) error {
	why := tunnel.Unreachable
	if crowded := (*tunnel.CrowdedError)(nil); errors.As(err, &crowded) {
		why = tunnel.Crowded
	}
	w.Counters.Losses[why].Add(1)
	return err
}

// overQUIC says whether a stream of the pool is in such a tunnel.
func overQUIC(s tunnel.Stream) bool {
	l, ok := s.(interface{ Upgraded() bool })
	return ok && l.Upgraded()
}

// errManyAddresses: the one socket sends from the address that the kernel picks.
var errManyAddresses = errors.New("the workload has several addresses of this family: no QUIC from a certain one")

// sourceIsOnly says whether what the one socket sends comes from the address that the key wants.
func (w *Workload) sourceIsOnly(k tunnel.Key) error {
	if !k.SourceIP.IsValid() {
		return nil
	}
	n := 0
	for _, a := range w.Config.Workload.Addresses {
		if a.Is4() == k.Address.Addr().Is4() {
			n++
		}
	}
	if n > 1 {
		return errManyAddresses
	}
	return nil
}

// errDeaf: what keeps the socket from accepting keeps it from dialling.
var errDeaf = errors.New("the workload's UDP socket is of no use")

// serveDatagrams accepts tunnels over QUIC, as the HBONE ear does over TCP. If it cannot, nothing is announced any
// more: each peer would try again and again.
func (w *Workload) serveDatagrams(accept, drain, cut context.Context) {
	if w.Datagrams == nil {
		return
	}
	err := w.Datagrams.Serve(accept, drain, cut, w.recordedTLS(), w.beginTunnel, func(a tunnel.Accepted) (tunnel.Served, error) {
		return w.admitTunnel(cut, a)
	})
	if err != nil {
		w.deaf.Store(true)
		w.Log.Error("no tunnels over QUIC", "workload", w.owner.UID, "error", err)
	}
}

// beginTunnel admits a handshake, whose tunnel has its place since the first packet came (h3's Options.Account).
func (w *Workload) beginTunnel(ctx context.Context, remote, local netip.AddrPort) (err error) {
	p := peer{remote: remote, local: local, quic: true}
	defer func() {
		if panicked := w.recoveredTunnel(p, recover()); panicked != nil {
			err = panicked
		}
	}()
	if err = w.Account.Begin(ctx); err != nil {
		w.refuseTunnel(p, err)
	}
	return err
}

// admitTunnel is serveTunnel for a tunnel that is there already.
func (w *Workload) admitTunnel(cut context.Context, a tunnel.Accepted) (s tunnel.Served, err error) {
	p := peer{remote: a.Remote, local: a.Local, quic: true}
	defer func() {
		if panicked := w.recoveredTunnel(p, recover()); panicked != nil {
			err = panicked
		}
	}()
	hazard.Connection(cut, w.owner.UID)
	if p.id, err = identity.PeerID(a.TLS); err != nil {
		w.refuseTunnel(p, err)
		return tunnel.Served{}, err
	}
	if w.Tunnels.Migrate.On {
		p.now = new(atomic.Pointer[netip.AddrPort])
	}
	w.ending.Add(1)
	return tunnel.Served{
		Handler: func(in tunnel.Incoming) { w.serveStream(cut, in, p.moved()) },
		Moved:   func(to netip.AddrPort) error { return w.followPeer(p, to) },
		Ended: func(err error) {
			w.ending.Done()
			if err != nil {
				w.Log.Debug("tunnel ended", "workload", w.owner.UID, "peer", p.id.String(), "error", err)
			}
		},
	}, nil
}

// errMoved: see tunnel.Config.Migrate.
var errMoved = errors.New("tunnels end when the peer's address changes (tunnels: {migrate: on} lets them go on)")

// followPeer has the open connections of a peer that moved judged by the address that it has now.
func (w *Workload) followPeer(p peer, to netip.AddrPort) error {
	if p.now == nil {
		w.Log.Info("peer moved: its tunnel ends", "workload", w.owner.UID, "peer", p.id.String(), "from", p.remote, "to", to)
		return errMoved
	}
	p.now.Store(&to)
	w.Log.Info("peer moved", "workload", w.owner.UID, "peer", p.id.String(), "from", p.remote, "to", to)
	w.judgeOpen()
	return nil
}

// recordedTLS is the accepting end's configuration, which leaves a record of a peer that is
// refused: nobody else hears of a handshake that fails, since QUIC makes them by itself.
func (w *Workload) recordedTLS() *tls.Config {
	c := w.serverTLS.Clone()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (own *tls.Config, err error) {
		p := peer{remote: addrOf(hello.Conn.RemoteAddr()), local: addrOf(hello.Conn.LocalAddr()), quic: true}
		var shown atomic.Bool // a certificate, that there is none, or a panic: what becomes of it is on record
		tell := func(v any) error {
			shown.Store(true)
			return w.recoveredTunnel(p, v)
		}
		defer func() {
			if v := recover(); v != nil { // in crypto/tls's goroutine, as what guarded has
				err = tell(v)
			}
		}()
		context.AfterFunc(hello.Context(), func() {
			if !shown.Load() {
				w.refuseTunnel(p, errUnfinished)
			}
		})
		one := w.inTurns(hello.Context(), w.serverTLS.Clone())
		one.ClientAuth = tls.RequestClientCert // what is required, crypto/tls refuses by itself: then verify does not see it
		verify := one.VerifyConnection
		one.VerifyConnection = func(s tls.ConnectionState) error {
			shown.Store(true)
			err := verify(s)
			if err != nil {
				w.refuseTunnel(p, err)
			}
			return err
		}
		return guarded(one, tell), nil
	}
	return c
}

// errUnfinished: the protocols that a peer offers are not ours, its TLS is not, or it went away. Which of them QUIC tells the peer alone: the
// context of a hello ends without saying why.
var errUnfinished = errors.New("the handshake over QUIC ended before the peer had shown a certificate: it offered no protocol of ours, or gave up")

func (w *Workload) closeDatagrams() error {
	if w.Datagrams == nil {
		return nil
	}
	return w.Datagrams.Close()
}
