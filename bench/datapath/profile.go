package datapath

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// profiles runs a turn of ours for each row that is not counted, with perf beside it.
func (t *Trial) profiles(ctx context.Context, w *world) error {
	if t.p.Profiles == "" {
		return nil
	}
	for _, name := range t.p.Rows {
		r, err := findRow(name)
		if err != nil {
			return err
		}
		if r.job.Mode == engine.Idle {
			continue // it would show how connections are made
		}
		ours := verdict.Bulkhead
		if !slices.Contains(t.p.Subjects, ours) && slices.Contains(t.p.Subjects, verdict.BulkheadQUIC) {
			ours = verdict.BulkheadQUIC
		}
		s, err := t.p.subjectOf(ours)
		if err != nil {
			return err
		}
		one := &turn{world: w, row: r, subject: s, lasts: looked * t.p.For, took: func(string, float64) {}}
		one.watch = func(ctx context.Context) (func() error, error) { return t.profile(ctx, w, r) }
		t.say("profile of " + name)
		if err := one.run(ctx); err != nil {
			return fmt.Errorf("profile of %s: %w", name, err)
		}
	}
	return nil
}

// profile begins one of the cells of both sides, and returns what waits for its end and
// leaves the files.
func (t *Trial) profile(ctx context.Context, w *world, r row) (func() error, error) {
	var waits []func() error
	wait := func() error {
		var errs []error
		for _, one := range waits {
			errs = append(errs, one())
		}
		return errors.Join(errs...)
	}
	for side, pod := range map[string]string{"a": lab.PairClient(0), "b": lab.PairServer(0)} {
		procs, err := w.lab.DataPlane(pod)
		if err == nil && len(procs) == 0 {
			err = fmt.Errorf("nothing serves %s", pod)
		}
		if err == nil {
			var one func() error
			one, err = sampled(ctx, procs[0].PID, looked*t.p.For, w.lab.Bin("bulkhead-cell"), filepath.Join(t.p.Profiles, r.name+"-"+side))
			if err == nil {
				waits = append(waits, one)
			}
		}
		if err != nil {
			return nil, errors.Join(err, wait())
		}
	}
	return wait, nil
}

// looked is how much longer than a measurement a profile takes: it is of samples.
const looked = 3
