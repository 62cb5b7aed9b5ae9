package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Deadlines of the data path. ztunnel has the first only; without the second a
// peer that never finishes its handshake holds a descriptor for ever.
const (
	connectTimeout   = 10 * time.Second // TCP connect, to a peer or to the application
	handshakeTimeout = 10 * time.Second // TLS and the tunnel's preface, either side
	openTimeout      = 40 * time.Second // a stream's 200: connect, handshake, the far connect, and as much again to spare
)

// Resolver answers where a connection goes. Implementations wait for an answer
// that is not known yet (for a bounded time) and may cache.
type Resolver interface {
	Resolve(ctx context.Context, dst netip.AddrPort) (mesh.Answer, error)
}

// View is what the mesh says about the workload itself; it changes while the
// workload runs.
type View struct {
	Services []mesh.Service // those that the workload is an endpoint of
	Policies mesh.PolicySet // what its connections are judged by
}

// Config is all that the data path of a workload needs. Every field but View, Account,
// Datagrams and Tunnels is required.
type Config struct {
	Workload  mesh.Workload
	View      View
	Ports     redirect.Ports
	Netns     *netns.Namespace // where the workload's sockets are born
	Source    identity.Source  // the workload's SVID
	Resolver  Resolver
	Transport tunnel.Transport
	Datagrams Datagrams       // QUIC, for peers that have it too; nil: none
	Account   *budget.Account // nil: budgets are off
	Tunnels   tunnel.Config
	Sink      *telemetry.Sink
	Counters  *telemetry.Counters
	Log       *slog.Logger
	Drain     time.Duration // how long open connections may finish after Run's ctx ended
}

// Listeners are the three ears of a workload, born in its network namespace.
type Listeners struct{ Outbound, Plaintext, HBONE *net.TCPListener }

// Close closes those that are set; closing an inherited listener ends only this holder's
// descriptor (a shutdown would end listening for every holder).
func (l Listeners) Close() error {
	var errs []error
	for _, x := range []*net.TCPListener{l.Outbound, l.Plaintext, l.HBONE} {
		if x != nil {
			errs = append(errs, x.Close())
		}
	}
	return errors.Join(errs...)
}

// Workload is the running data path of one workload.
type Workload struct {
	Config
	pool      *tunnel.Pool
	serverTLS *tls.Config
	baggage   string
	owner     telemetry.Owner
	aside     aside
	probes    *mesh.PolicySet // of redirect.ProbePort
	view      atomic.Pointer[View]
	open      register
	cut       chan struct{} // closed by Cut
	cutOnce   sync.Once
	deaf      atomic.Bool    // Datagrams could not be served
	last      atomic.Bool    // nobody accepts when Run's ctx has ended: see clear
	drainFor  atomic.Int64   // in place of Config.Drain, ns; 0: that
	severed   atomic.Int64   // connections that the end of the drain cut
	ending    sync.WaitGroup // connections and tunnels: each Add is one that has not said done
}

// New prepares a workload; Run makes it work.
func New(c Config) *Workload {
	w := &Workload{Config: c, serverTLS: identity.ServerTLS(c.Source), baggage: baggageOf(c.Workload), probes: mesh.ProbePolicies(c.Workload.Identity.TrustDomain()), cut: make(chan struct{})}
	w.aside = aside{of: c.Workload.UID, log: c.Log, count: c.Counters}
	w.owner = telemetry.Owner{UID: c.Workload.UID, Name: c.Workload.Name, Namespace: c.Workload.Namespace, Cluster: c.Workload.Cluster, Identity: c.Workload.Identity}
	w.Tunnels.KeyExchange.Set(w.serverTLS)
	w.pool = tunnel.NewPool(w.dialTunnel, w.poolOptions())
	w.SetView(c.View)
	return w
}

func (w *Workload) poolOptions() tunnel.PoolOptions {
	o := tunnel.PoolOptions{Off: w.Tunnels.Pool.Off}
	if w.Datagrams != nil {
		o.Upgrade, o.Stays = w.dialDatagrams, func(k tunnel.Key, err error) {
			w.Log.Info("a peer that announces QUIC stays on HTTP/2", "workload", w.owner.UID, "peer", k.Address, "error", err)
		}
	}
	return o
}

// Cut makes the drain, now running or yet to come, end at once.
func (w *Workload) Cut() { w.cutOnce.Do(func() { close(w.cut) }) }

// Run accepts connections until ctx ends, then drains. It returns when every
// connection has ended and its record is written.
func (w *Workload) Run(ctx context.Context, l Listeners) error {
	cut, kill := context.WithCancelCause(context.WithoutCancel(ctx))
	defer kill(nil)
	// Tunnels hear of the drain once nothing is accepted here any more: a peer that is
	// told to come back at once must reach the next holder of the listener.
	drain, goAway := context.WithCancel(cut)
	defer goAway()
	clearing, endClearing := context.WithCancel(cut)
	defer endClearing()
	var loops sync.WaitGroup
	loops.Go(func() {
		w.acceptLoop(ctx, cut, clearing, l.Outbound, w.ear(telemetry.Outbound, func(ctx context.Context, c *net.TCPConn, o *open) (pair, error) { return w.outbound(ctx, c, &o.Record) }))
	})
	loops.Go(func() { w.acceptLoop(ctx, cut, clearing, l.Plaintext, w.ear(telemetry.Plaintext, w.plaintext)) })
	loops.Go(func() {
		w.acceptLoop(ctx, cut, clearing, l.HBONE, ear{
			admit: w.Account.Tunnel,
			serve: func(cut context.Context, _ context.CancelCauseFunc, c *net.TCPConn, done func()) {
				defer done()
				w.serveTunnel(drain, cut, c)
			},
			refuse: func(c *net.TCPConn, err error) { w.refuseTunnel(peerOf(c), err) },
		})
	})
	var datagrams sync.WaitGroup
	datagrams.Go(func() { w.serveDatagrams(ctx, drain, cut) })
	<-ctx.Done()
	if w.last.Load() {
		w.clear(l, clearing, endClearing)
		loops.Wait()
	}
	err := l.Close()
	loops.Wait()
	goAway()
	w.drain(kill)
	w.settle()
	w.pool.Close()
	datagrams.Wait()
	return errors.Join(err, w.closeDatagrams())
}

// DrainFor replaces Config.Drain for a drain that has not begun.
func (w *Workload) DrainFor(d time.Duration) { w.drainFor.Store(int64(d)) }

// Last says, before Run's ctx ends, that nobody accepts from the listeners after this workload.
func (w *Workload) Last() { w.last.Store(true) }

// Severed is how many connections the end of the drain cut.
func (w *Workload) Severed() int { return int(w.severed.Load()) }

// drain waits for open connections, at most Config.Drain, then cuts them.
func (w *Workload) drain(kill context.CancelCauseFunc) {
	done := make(chan struct{})
	go func() { w.ending.Wait(); close(done) }()
	limit := w.Drain
	if d := w.drainFor.Load(); d > 0 {
		limit = time.Duration(d)
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-done:
		return
	case <-deadline.C:
	case <-w.cut:
	}
	_, open := w.Connections(0)
	w.severed.Store(int64(open))
	kill(ErrDrained)
	<-done
}

// side is one of outbound and plaintext: it connects.
type side func(context.Context, *net.TCPConn, *open) (pair, error)

func (w *Workload) ear(d telemetry.Direction, s side) ear {
	return ear{
		admit: w.Account.Connection,
		serve: func(ctx context.Context, cut context.CancelCauseFunc, c *net.TCPConn, done func()) {
			w.serve(ctx, cut, c, d, s, done)
		},
		refuse: func(c *net.TCPConn, err error) {
			o := w.begin(d, addrOf(c.RemoteAddr()))
			o.Err = err
			w.end(o)
		},
	}
}

// serve runs one connection of any side up to its relay.
func (w *Workload) serve(ctx context.Context, cut context.CancelCauseFunc, c *net.TCPConn, d telemetry.Direction, s side, done func()) {
	o := w.begin(d, addrOf(c.RemoteAddr()))
	w.open.enter(o, cut)
	legs := w.connected(ctx, c, o, s)
	w.carry(ctx, o, legs, done)
}

// connected runs a side: panic, reset on failure.
func (w *Workload) connected(ctx context.Context, c *net.TCPConn, o *open, s side) (legs pair) {
	defer func() {
		w.recovered(&o.Record, recover())
		if o.Err != nil {
			// Reset, not close: a clean end would tell the application that the
			// answer was complete.
			_ = TCPLeg(c).Reset()
		}
	}()
	hazard.Connection(ctx, w.Config.Workload.UID)
	if abandoned(c) {
		o.Err = ErrAbandoned
		return pair{}
	}
	legs, o.Err = s(ctx, c, o)
	return legs
}

func (w *Workload) begin(d telemetry.Direction, src netip.AddrPort) *open {
	if !probing(d, src) {
		w.Counters.Open()
	}
	return &open{Record: telemetry.Record{Start: time.Now(), Direction: d, Stage: telemetry.StageAccept, Workload: w.owner.UID, Owner: &w.owner, Source: src}}
}

// probing says whether a connection is a keeper's probe. They come in only: an application
// that takes the probes' address for its own calls is on record like any other.
func probing(d telemetry.Direction, src netip.AddrPort) bool {
	return d != telemetry.Outbound && src.Addr() == redirect.Probe
}

func (w *Workload) end(o *open) {
	w.open.leave(o)
	r := &o.Record
	if r.Err == errProbed {
		r.Err = nil
	}
	if probing(r.Direction, r.Source) {
		return // the probes of a keeper, one every few seconds, would drown what users do
	}
	if r.Err != nil {
		r.Flag = flagOf(r.Stage, r.Err)
		r.Err = &Error{Direction: r.Direction, Stage: r.Stage, Err: r.Err}
	}
	w.Counters.Close(r)
	w.Sink.Write(r)
}

// recovered turns the panic of one connection into its error: it must not take
// the connections of others along.
func (w *Workload) recovered(r *telemetry.Record, v any) {
	if v == nil {
		return
	}
	r.Err = w.panicked(v)
}

// panicked counts and logs a panic of one connection.
func (w *Workload) panicked(v any) error {
	w.Counters.Panics.Add(1)
	w.Log.Error("panic in a connection", "workload", w.owner.UID, "panic", v, "stack", string(debug.Stack()))
	return fmt.Errorf("panic: %v", v)
}

// deliver connects to the application inside the pod, with the client's own
// address as the source, so that the application sees who called it.
func (w *Workload) deliver(ctx context.Context, r *telemetry.Record, dst netip.AddrPort) (*net.TCPConn, error) {
	r.Stage = telemetry.StageDeliver
	r.Next = dst
	o := netns.DialOptions{Remote: dst, Mark: redirect.MarkDelivery}
	if src := r.Source.Addr().Unmap(); src.Is4() == dst.Addr().Is4() {
		o.Source, o.Transparent = src, true
	}
	return w.dial(ctx, o)
}

// dial connects from the pod's network namespace, within the workload's budget. The
// other end's time begins when ours is over: a queue here is not its silence.
func (w *Workload) dial(ctx context.Context, o netns.DialOptions) (*net.TCPConn, error) {
	place, err := w.Account.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer place.Leave()
	limit := connectTimeout
	if isHurried(ctx) {
		limit = hurriedConnect
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o.Begun = place.Begun
	return w.Netns.Dial(ctx, o)
}

// leg is TCPLeg with its buffers on the workload's account.
func (w *Workload) leg(c *net.TCPConn) Leg { return tcpLegOn(c, w.Account) }

// own says whether an address is one of the workload's.
func (w *Workload) own(a netip.Addr) bool {
	for _, x := range w.Config.Workload.Addresses {
		if x == a {
			return true
		}
	}
	return false
}

func addrOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	default:
		return ap
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
