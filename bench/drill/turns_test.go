package drill

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Two drills that take turns in one lab: each record has what is its own, and can be judged.
func TestDrillsTakeTurns(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		l.loses = 1
		crash := testParams(usual(t, "sidecar", "none")...)
		crash.Repeat = 2
		null := crash
		null.Fault = fault.Null{}
		drills := []*Drill{drillOn(l, crash, nil), drillOn(l, null, nil)}
		for i, d := range drills {
			if err := d.Begin(l.top, dirs[i]); err != nil {
				t.Fatal(err)
			}
			if run, _, err := measure.Read(dirs[i]); err == nil && run.Aborted == "" {
				t.Error("a record that is open does not say that its drill was killed")
			}
		}
		for repeat := range 2 {
			for _, d := range drills {
				for subject := range 2 {
					if err := d.Turn(t.Context(), l, repeat, subject); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, d := range drills {
			if _, err := d.End(nil); err != nil {
				t.Fatal(err)
			}
		}
		for i, segments := range []int{2 * 2 * 3, 2 * 2} {
			run, res := judged(t, dirs[i])
			if len(run.Segments) != segments || run.Lost != 4 || run.Aborted != "" {
				t.Errorf("drill %d: %d segments, want %d; lost %d, want one of each turn; aborted %q", i, len(run.Segments), segments, run.Lost, run.Aborted)
			}
			for _, o := range res.Outcomes {
				if o.Missing != 0 || len(o.Deviations) != 0 {
					t.Errorf("drill %d: %s %s: %d missing, deviations %v", i, o.Subject, o.Kind, o.Missing, o.Deviations)
				}
			}
		}
	})
}

// A turn that fails leaves the lab to the next one, and the record says what failed.
func TestTurnsGoOnAfterOneFailed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		d := drillOn(l, testParams(usual(t, "sidecar", "workload")...), nil)
		if err := d.Begin(l.top, dir); err != nil {
			t.Fatal(err)
		}
		l.refuse = func(lab.Flow, int64) string { return load.Refused }
		failed := d.Turn(t.Context(), l, 0, 0)
		var unsteady *UnsteadyError
		var broken *RollbackError
		if !errors.As(failed, &unsteady) || errors.As(failed, &broken) {
			t.Errorf("%v, want no steady state and a rollback", failed)
		}
		l.refuse = nil
		if err := d.Turn(t.Context(), l, 0, 1); err != nil {
			t.Errorf("the next turn: %v", err)
		}
		if _, err := d.End(failed); !errors.Is(err, failed) {
			t.Errorf("%v", err)
		}
		run, res := judged(t, dir)
		if run.Aborted != failed.Error() || len(run.Segments) != 3 || run.Segments[0].Subject != "workload" || len(res.Rows) == 0 {
			t.Errorf("aborted %q, %d segments", run.Aborted, len(run.Segments))
		}
	})
}
