package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cork"
	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// peer is the verified far end of an inbound tunnel.
type peer struct {
	id     identity.ID
	remote netip.AddrPort
	local  netip.AddrPort // the workload's address that the peer called
	quic   bool
	now    *atomic.Pointer[netip.AddrPort] // where it is, once it has moved; nil: it may not
}

// moved is the peer as it is now.
func (p peer) moved() peer {
	if p.now != nil {
		if to := p.now.Load(); to != nil {
			p.remote = *to
		}
	}
	return p
}

// peerOf is what is known of a peer before its handshake.
func peerOf(c *net.TCPConn) peer {
	return peer{remote: addrOf(c.RemoteAddr()), local: addrOf(c.LocalAddr())}
}

// serveTunnel accepts one tunnel: handshake, verify the peer's SVID, then its
// streams. drain ends it gracefully (GOAWAY), cut at once.
func (w *Workload) serveTunnel(drain, cut context.Context, c *net.TCPConn) {
	defer c.Close()
	stop := context.AfterFunc(cut, func() { c.Close() })
	defer stop()
	defer func() { _ = w.recoveredTunnel(peerOf(c), recover()) }()
	netns.Peer.Apply(c)
	hazard.Connection(cut, w.Config.Workload.UID)
	p, t, err := w.verify(cut, c)
	if err != nil {
		w.refuseTunnel(p, err)
		return
	}
	err = w.Transport.Serve(drain, t, func(in tunnel.Incoming) { w.serveStream(cut, in, p) })
	if err != nil {
		w.Log.Debug("tunnel ended", "workload", w.Config.Workload.UID, "peer", p.id.String(), "error", err)
	}
}

// verify does the TLS handshake; the checks are in identity.ServerTLS.
func (w *Workload) verify(ctx context.Context, raw *net.TCPConn) (peer, *tls.Conn, error) {
	p := peerOf(raw)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer w.Counters.Handshake.Since(time.Now())
	t, err := w.Account.Handshake(ctx, raw, nil, func(c net.Conn) *tls.Conn { return tls.Server(cork.New(c, raw), w.serverTLS) })
	if err != nil {
		return p, nil, err
	}
	id, err := identity.PeerID(t.ConnectionState())
	p.id = id
	return p, t, err
}

// refuseTunnel writes the record of a tunnel that was not let in.
func (w *Workload) refuseTunnel(p peer, err error) {
	o := w.begin(telemetry.Inbound, p.remote)
	o.Stage, o.HBONE, o.QUIC, o.Err = telemetry.StageVerify, p.local, p.quic, err
	w.end(o)
}

// recoveredTunnel is recovered for what happens before and beside a tunnel's streams,
// which have records of their own.
func (w *Workload) recoveredTunnel(p peer, v any) error {
	if v == nil {
		return nil
	}
	o := w.begin(telemetry.Inbound, p.remote)
	o.HBONE, o.QUIC = p.local, p.quic
	w.recovered(&o.Record, v)
	w.end(o)
	return o.Err
}

// serveStream runs one CONNECT of a tunnel up to its relay, which outlives the handler.
func (w *Workload) serveStream(ctx context.Context, in tunnel.Incoming, p peer) {
	w.ending.Add(1) // besides its tunnel: a stream may outlive the tunnel's reader
	o := w.begin(telemetry.Inbound, p.remote)
	o.Peer, o.HBONE, o.QUIC, o.now = p.id, p.local, p.quic, p.now
	place, err := w.Account.Connection(in.Context())
	if err != nil {
		o.Err = &refusal{hbone.StatusUnavailable, err}
	}
	ctx, end := under(ctx, place)
	w.open.enter(o, end)
	legs := w.connectedStream(ctx, in, p, o)
	release := in.Keep()
	w.carry(ctx, o, legs, func() {
		end(nil)
		place.Leave()
		w.ending.Done()
		release()
	})
}

// connectedStream is connected for a stream, which is a connection like any other: panic,
// answer on failure. Only its own handler waits here, not its tunnel.
func (w *Workload) connectedStream(ctx context.Context, in tunnel.Incoming, p peer, o *open) (legs pair) {
	defer func() {
		w.recovered(&o.Record, recover())
		if refused, ok := errors.AsType[*refusal](o.Err); ok {
			o.Status = refused.status
			_ = in.Reject(refused.status)
		}
	}()
	hazard.Connection(ctx, w.Config.Workload.UID)
	if o.Err == nil {
		legs, o.Err = w.inbound(ctx, in, p, o)
	}
	return legs
}

// inbound carries one CONNECT of a peer to the application:
// CONNECT → resolve → policy → deliver → relay.
func (w *Workload) inbound(ctx context.Context, in tunnel.Incoming, p peer, o *open) (pair, error) {
	r := &o.Record
	authority, err := w.readConnect(in.Head(), r)
	if err != nil {
		return pair{}, err
	}

	dst, err := w.resolveTarget(authority, p, r)
	if err != nil {
		return pair{}, err
	}

	if err := w.decide(o); err != nil {
		return pair{}, &refusal{hbone.StatusUnauthorized, err}
	}

	if dst.Port() == redirect.ProbePort {
		return pair{}, w.answerProbe(in)
	}

	app, err := w.deliver(in.Context(), r, dst)
	if err != nil {
		return pair{}, &refusal{hbone.StatusUnavailable, err}
	}
	if ctx.Err() != nil { // cut meanwhile, most likely by a change of policy
		app.Close()
		return pair{}, refusalOf(context.Cause(ctx))
	}

	stream, err := in.Accept(hbone.Header{Baggage: w.baggage, AltSvc: w.altSvc()}) // 200 only now: ztunnel, inbound.rs
	if err != nil {
		app.Close()
		return pair{}, err
	}
	r.Status = hbone.StatusOK

	return pair{stream, w.leg(app)}, nil
}

// readConnect checks what the peer asks for: 400 for anything that is no CONNECT
// with an authority.
func (w *Workload) readConnect(h hbone.Head, r *telemetry.Record) (hbone.Authority, error) {
	r.Stage = telemetry.StageConnect
	r.Traceparent = hbone.KeepTraceparent(h.Header.Traceparent)
	r.PeerBaggage = h.Header.Baggage
	if h.Method != hbone.MethodConnect {
		return hbone.Authority{}, &refusal{hbone.StatusBadRequest, fmt.Errorf("method %q is not CONNECT", h.Method)}
	}
	a, err := hbone.ParseAuthority(h.RawAuthority)
	if err != nil {
		return a, &refusal{hbone.StatusBadRequest, err}
	}
	return a, nil
}

// resolveTarget says which socket of this pod the authority means. An address
// must be the one that the peer called; a name must be a service of this workload.
func (w *Workload) resolveTarget(a hbone.Authority, p peer, r *telemetry.Record) (netip.AddrPort, error) {
	r.Stage = telemetry.StageResolve
	port := a.Port()
	if dst, ok := a.Addr(); ok {
		r.Destination = dst
		if dst.Addr().Unmap() != p.local.Addr() {
			return dst, &refusal{hbone.StatusBadRequest, fmt.Errorf("ip mismatch: %s != %s", dst.Addr(), p.local.Addr())}
		}
	} else {
		target, err := w.servicePort(a.Host(), port)
		if err != nil {
			return netip.AddrPort{}, &refusal{hbone.StatusUnavailable, err}
		}
		r.Service, port = a.Host(), target
	}
	dst := netip.AddrPortFrom(p.local.Addr(), port)
	r.Destination = dst
	if r.Service == "" {
		r.Service = w.serviceAt(port)
	}
	if w.Ports.Contains(port) {
		return dst, &refusal{hbone.StatusUnavailable, &OwnPortError{dst}}
	}
	return dst, nil
}

func (w *Workload) servicePort(host string, port uint16) (uint16, error) {
	for _, s := range w.view.Load().Services {
		if s.Hostname() != host {
			continue
		}
		for _, p := range s.Ports {
			if p.Port == port {
				return p.Target, nil
			}
		}
		return 0, fmt.Errorf("service %s has no port %d", host, port)
	}
	return 0, fmt.Errorf("%s is not a service of this workload", host)
}

// refusal is an error that the peer learns as an HTTP status.
type refusal struct {
	status int
	err    error
}

// refusalOf is what a peer is told whose connection was cut before it was answered.
func refusalOf(cause error) *refusal {
	var changed *PolicyChangeError
	if errors.As(cause, &changed) {
		return &refusal{hbone.StatusUnauthorized, cause}
	}
	return &refusal{hbone.StatusUnavailable, cause}
}

func (e *refusal) Error() string { return fmt.Sprintf("http status: %d: %v", e.status, e.err) }
func (e *refusal) Unwrap() error { return e.err }
