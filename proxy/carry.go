package proxy

import (
	"context"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// pair is what a side has connected: the relay's two legs.
type pair struct{ client, server Leg }

// carry relays what a side has connected, writes the record, and calls done. A side that
// failed has said so in the record, and nothing is left but to write it.
//
// It goes on a goroutine of its own and returns at once. The one that connected has a
// stack of 8 KiB by then, of which a relay needs a third; the stack of a goroutine that
// waits in so many calls never shrinks again, and most connections wait most of the time.
func (w *Workload) carry(ctx context.Context, r *telemetry.Record, legs pair, done func()) {
	if r.Err != nil {
		w.end(r)
		done()
		return
	}
	go w.relay(ctx, r, legs, done)
}

// relay moves the bytes and leaves the counts in the record.
func (w *Workload) relay(ctx context.Context, r *telemetry.Record, legs pair, done func()) {
	defer done()
	defer w.end(r)
	defer func() { w.recovered(r, recover()) }()
	r.Stage = telemetry.StageRelay
	n := new(Bytes)
	err := Relay(ctx, legs.client, legs.server, n)
	r.Sent, r.Received = n.AtoB.Load(), n.BtoA.Load()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // the legs failed because we ended them
	}
	r.Err = err
}
