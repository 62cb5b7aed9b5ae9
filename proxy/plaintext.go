package proxy

import (
	"context"
	"net"
	"net/netip"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// plaintext delivers one connection that reached the pod without a tunnel, from
// outside the mesh: accept → original dst → classify → policy → deliver → relay.
// It has no identity, so policies that name one do not match it.
func (w *Workload) plaintext(ctx context.Context, client *net.TCPConn, o *open) (pair, error) {
	if o.Source.Addr() == redirect.Probe {
		return pair{}, w.answerPlaintextProbe(client, &o.Record)
	}
	netns.Remote.Apply(client)
	r := &o.Record
	dst, err := redirect.OriginalDst(client)
	if err != nil {
		return pair{}, err
	}
	r.Destination = dst

	if err := w.classifyPlaintext(r, dst); err != nil {
		return pair{}, err
	}

	if err := w.decide(o); err != nil {
		return pair{}, err
	}

	app, err := w.deliver(ctx, r, dst)
	if err != nil {
		return pair{}, err
	}
	if ctx.Err() != nil { // cut meanwhile, most likely by a change of policy
		app.Close()
		return pair{}, context.Cause(ctx)
	}

	return pair{w.leg(client), w.leg(app)}, nil
}

// classifyPlaintext rejects every port of ours, at whatever address it was called.
func (w *Workload) classifyPlaintext(r *telemetry.Record, dst netip.AddrPort) error {
	r.Stage = telemetry.StageClassify
	if w.Ports.Contains(dst.Port()) {
		return &OwnPortError{dst}
	}
	return nil
}
