package proxy

import (
	"context"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// pair is what a side has connected: the relay's two legs.
type pair struct{ client, server Leg }

// carry relays what a side has connected, then writes the record and calls done. A side that
// failed has said so in the record, and nothing is left but to write it.
//
// It goes on a goroutine of its own and returns at once. The one that connected has a
// stack of 8 KiB by then, of which a relay needs a third; the stack of a goroutine that
// waits in so many calls never shrinks again. A relay that is idle has none (sleep.go).
func (w *Workload) carry(ctx context.Context, o *open, legs pair, done func()) {
	r := &o.Record
	if r.Err != nil {
		w.end(o)
		done()
		return
	}
	r.Stage = telemetry.StageRelay
	series := w.Counters.Carry(r)
	w.Sink.Opened(r)
	o.count.AtoB.Total, o.count.BtoA.Total = &series.Sent, &series.Received
	w.open.relayed(o)
	go startRelay(ctx, legs.client, legs.server, &o.count, func(x *relay) { w.carried(ctx, o, x, done) })
}

// carried leaves the counts of an ended relay in the record.
func (w *Workload) carried(ctx context.Context, o *open, x *relay, done func()) {
	defer done()
	defer w.end(o)
	r := &o.Record
	r.Sent, r.Received = x.count.AtoB.Load(), x.count.BtoA.Load()
	if r.Err = x.err; x.err != nil && ctx.Err() != nil {
		r.Err = context.Cause(ctx) // the legs failed because we ended them
	}
	w.recovered(r, x.panicked)
}
