package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cork"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// outbound carries one captured connection of the application to its destination:
// accept → original dst → classify → resolve → tunnel.Open | dial → relay.
func (w *Workload) outbound(ctx context.Context, app *net.TCPConn, r *telemetry.Record) (pair, error) {
	netns.Local.Apply(app)
	dst, err := redirect.OriginalDst(app)
	if err != nil {
		return pair{}, err
	}
	r.Destination = dst

	if err := w.classify(r, dst); err != nil {
		return pair{}, err
	}

	route, err := w.route(ctx, r, dst)
	if err != nil {
		return pair{}, err
	}

	next, err := w.connect(ctx, r, route, app)
	if err != nil {
		return pair{}, err
	}

	return pair{w.leg(app), next}, nil
}

// classify rejects what must not be carried: a call to one of our own ports at
// our own address. Everything else is for resolve to say.
func (w *Workload) classify(r *telemetry.Record, dst netip.AddrPort) error {
	r.Stage = telemetry.StageClassify
	if (dst.Addr().IsLoopback() || w.own(dst.Addr())) && w.Ports.Contains(dst.Port()) {
		return &OwnPortError{dst}
	}
	return nil
}

// route asks where dst is: at one endpoint or more. An address outside the mesh is
// its own endpoint, over plain TCP: passthrough.
func (w *Workload) route(ctx context.Context, r *telemetry.Record, dst netip.AddrPort) (mesh.Answer, error) {
	r.Stage = telemetry.StageResolve
	a, err := w.Resolver.Resolve(ctx, dst)
	if err != nil {
		return a, err
	}
	r.Service = a.Service
	switch {
	case a.Kind == mesh.NotMesh:
		a.Endpoints = []mesh.Endpoint{{Address: dst, Protocol: mesh.TCP}}
	case a.Kind != mesh.Mesh:
		return a, ErrUnknownDestination
	case len(a.Endpoints) == 0:
		return a, &NoUpstreamError{Destination: dst, Service: a.Service, Refusal: a.Refusal, Text: a.Reason}
	}
	return a, nil
}

// connect opens the far leg: a stream in a tunnel, or a plain connection. It gives up
// when the application does.
func (w *Workload) connect(ctx context.Context, r *telemetry.Record, a mesh.Answer, app *net.TCPConn) (Leg, error) {
	ctx, end := whileClientWaits(ctx, app)
	defer end()
	leg, err := w.reach(ctx, r, &a)
	if err != nil && context.Cause(ctx) == ErrAbandoned {
		return nil, ErrAbandoned // what failed for it did so because of that
	}
	return leg, err
}

// wasHurried says whether a dial gave up after less time than others have.
func wasHurried(err error) bool {
	silent, ok := errors.AsType[*SilentError](err)
	return ok && silent.hurried
}

// farLeg is connect at one endpoint, in the time that ctx leaves.
func (w *Workload) farLeg(ctx context.Context, r *telemetry.Record, a *mesh.Answer, e mesh.Endpoint) (Leg, error) {
	r.PeerUID, r.Peer, r.HBONE = e.Workload, identity.ID{}, netip.AddrPort{} // not those of an earlier try
	if e.Protocol != mesh.HBONE {
		return w.passthrough(ctx, r, e.Address)
	}
	r.Stage = telemetry.StageTunnel
	r.HBONE = netip.AddrPortFrom(e.Address.Addr(), redirect.HBONEPort)
	r.Next, r.Peer = e.Address, e.Identity
	r.Traceparent = hbone.NewTraceparent()
	head := hbone.Connect(hbone.FromAddrPort(e.Address), hbone.Header{
		Baggage: w.baggage, Forwarded: hbone.Forwarded{For: r.Source, Host: a.Service}.Encode(), Traceparent: r.Traceparent,
	})
	key := tunnel.Key{
		Source:      w.Config.Workload.Identity,
		Destination: destinations(a, e),
		Address:     r.HBONE,
		SourceIP:    w.sourceFor(r.Source.Addr(), e.Address.Addr()),
	}
	stream, said, err := w.pool.Open(ctx, key, head)
	for wasHurried(err) && !isHurried(ctx) && ctx.Err() == nil {
		stream, said, err = w.pool.Open(ctx, key, head) // the dial that it joined was of somebody with less time
	}
	if err != nil {
		return nil, err // never a Leg that holds a nil stream
	}
	r.PeerBaggage = said.Baggage
	r.QUIC = overQUIC(stream)
	return stream, nil
}

// destinations are the identities that an endpoint may show: its own, or those that
// speak for the whole service.
func destinations(a *mesh.Answer, e mesh.Endpoint) string {
	if len(a.Names) == 0 {
		return tunnel.Destinations(e.Identity)
	}
	return tunnel.Destinations(append(slices.Clone(a.Names), e.Identity)...)
}

// passthrough dials plainly: the destination is outside the mesh, or is a
// workload that does not speak HBONE. The kernel picks the source, which inside
// the pod's namespace is the pod's address.
func (w *Workload) passthrough(ctx context.Context, r *telemetry.Record, dst netip.AddrPort) (Leg, error) {
	r.Stage = telemetry.StageDial
	r.Next = dst
	c, err := w.dial(ctx, netns.DialOptions{Remote: dst, Mark: redirect.MarkProxy, Tuning: netns.Remote})
	if err != nil {
		return nil, err
	}
	return w.leg(c), nil
}

// dialTunnel makes one tunnel for the pool: connect, handshake, preface. The time is
// when the SVID of either end expires.
func (w *Workload) dialTunnel(ctx context.Context, k tunnel.Key) (tunnel.Tunnel, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout+handshakeTimeout)
	defer cancel()
	c, err := w.dialTLS(ctx, k)
	if err != nil {
		return nil, time.Time{}, err
	}
	t, err := w.Transport.Client(ctx, c)
	return t, identity.Until(w.Source, c.ConnectionState()), err
}

func (w *Workload) dialTLS(ctx context.Context, k tunnel.Key) (*tls.Conn, error) {
	accept, err := acceptedIDs(k.Destination)
	if err != nil {
		return nil, err
	}
	place, err := w.Account.Tunnel(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := w.dialPeer(ctx, k)
	if err != nil {
		place.Leave()
		return nil, err
	}
	defer w.Counters.Handshake.Since(time.Now())
	c, err := w.Account.Handshake(ctx, raw, place, func(c net.Conn) *tls.Conn {
		return tls.Client(cork.New(c, raw), w.clientTLS(accept))
	})
	if err != nil {
		return nil, &HandshakeError{k.Address, err}
	}
	return c, nil
}

// clientTLS is the configuration of one tunnel to one of some identities.
func (w *Workload) clientTLS(accept []identity.ID) *tls.Config {
	c := identity.ClientTLS(w.Source, accept)
	w.Tunnels.KeyExchange.Set(c)
	return c
}

func (w *Workload) dialPeer(ctx context.Context, k tunnel.Key) (*net.TCPConn, error) {
	c, err := w.dial(ctx, netns.DialOptions{Remote: k.Address, Source: k.SourceIP, Mark: redirect.MarkProxy, Tuning: netns.Peer})
	var socket *netns.Error
	if errors.As(err, &socket) && errors.Is(err, context.DeadlineExceeded) {
		return nil, &SilentError{k.Address, err, isHurried(ctx)}
	}
	return c, err
}

// sourceFor keeps the address that the application used, so that policy at the
// far end sees it, when it is the workload's own and of the right family.
func (w *Workload) sourceFor(app, dst netip.Addr) netip.Addr {
	if app.Is4() == dst.Is4() && w.own(app) {
		return app
	}
	return netip.Addr{}
}

func acceptedIDs(list string) ([]identity.ID, error) {
	var ids []identity.ID
	for s := range strings.SplitSeq(list, ",") {
		id, err := identity.Parse(s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
