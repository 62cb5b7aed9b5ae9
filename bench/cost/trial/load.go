package trial

import (
	"context"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// load runs the flows and marks the middle of them.
func (t *turn) load(ctx context.Context) error {
	from, err := t.startLoad(ctx, t.flows.steady())
	if err != nil {
		return err
	}
	to := from + int64(t.p.Times.Load)
	if err := t.spend(cost.Load, false); err != nil {
		return err
	}
	if err := until(ctx, to); err != nil {
		return err
	}
	if err := t.spend(cost.Load, true); err != nil {
		return err
	}
	if err := t.lab.StopLoad(ctx); err != nil {
		return err
	}
	return t.rec.write(cost.Line{Window: &cost.Window{Phase: cost.Load, From: from, To: to, Busy: busy()}})
}

// startLoad returns when the load has run for a moment, with that time.
func (t *turn) startLoad(ctx context.Context, flows []lab.Flow) (from int64, err error) {
	start := load.Now() + int64(headStart)
	if err := t.lab.StartLoad(ctx, start, flows); err != nil {
		return 0, err
	}
	from = start + int64(t.p.Times.Warm)
	return from, until(ctx, from)
}

// spend records what CPU time was used until now.
func (t *turn) spend(phase string, ends bool) error {
	l := cost.Line{Sample: &cost.Sample{Phase: phase, Ends: ends, Procs: []cost.Process{}}}
	if err := t.spent(&l); err != nil {
		return err
	}
	return t.rec.write(l)
}

func until(ctx context.Context, at int64) error { return pause(ctx, time.Duration(at-load.Now())) }

// replace has every process that carries bytes of the node's pods replaced, while
// each of those holds a connection and others come and go.
func (t *turn) replace(ctx context.Context) error {
	if t.isolation == lab.None {
		return nil
	}
	flows, longLived := t.flows.held()
	from, err := t.startLoad(ctx, flows)
	if err != nil {
		return err
	}
	if err := t.spend(cost.Replace, false); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, replaceTimeout)
	defer cancel()
	var failed error
	err = t.lab.ReplaceEach(ctx, lab.DenseNode, func(r lab.Replacement) {
		e := t.rec.write(cost.Line{Replaced: &cost.Replaced{Name: r.Name, Pods: r.Pods, Began: r.Began, Served: r.Served}})
		if failed == nil {
			failed = e
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	if err := t.spend(cost.Replace, true); err != nil {
		return err
	}
	to := load.Now()
	if err := t.lab.StopLoad(ctx); err != nil {
		return err
	}
	return t.rec.write(cost.Line{Window: &cost.Window{Phase: cost.Replace, From: from, To: to, LongLived: longLived, Busy: busy()}})
}
