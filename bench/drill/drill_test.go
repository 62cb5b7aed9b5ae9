package drill

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

func usual(t *testing.T, isolations ...string) []lab.Subject {
	t.Helper()
	s, err := Subjects(isolations, measure.Restart{Mode: RestartKubelet, TimeScale: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCrashDrill(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		p := testParams(usual(t, DefaultIsolations...)...)
		begun := time.Now()
		run, err := drillOn(l, p, nil).Run(t.Context(), l, l.top, dir)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 100*time.Second {
			t.Errorf("the drill took %v of the two minutes", took)
		}
		again, res := judged(t, dir)
		if d := cmp.Diff(run, again, byValue...); d != "" {
			t.Errorf("what was returned is not what was written: %s", d)
		}
		if len(res.Invalid) != 0 || res.Noise != (measure.Noise{Nulls: 4}) {
			t.Errorf("invalid %v, noise %+v", res.Invalid, res.Noise)
		}
		wantHit := map[string]int{"sidecar": 4, "workload": 4, "shared (as ztunnel)": 18, "shared (custody on)": 18}
		for _, row := range res.Rows {
			o := res.Outcomes[row.Outcomes[0]]
			if len(o.Deviations) != 0 || len(o.Hit) != wantHit[row.Subject] || !o.Recovery.Within {
				t.Errorf("%s: %d flows hit, deviations %v, recovery %+v", row.Subject, len(o.Hit), o.Deviations, o.Recovery)
			}
			// The fake uses a hundredth of a core, 10 ms in a second of 28 flows with 20 requests.
			if want := 10.0 / (28 * 20) * 1000; row.CPUPer1k < want*0.99 || row.CPUPer1k > want*1.01 || row.PSS != 3<<20 {
				t.Errorf("%s: CPU/1k %.2f, want %.2f; PSS %d", row.Subject, row.CPUPer1k, want, row.PSS)
			}
		}
		if len(res.Rows) != 4 {
			t.Errorf("%d rows, want 4", len(res.Rows))
		}
		for i, seg := range run.Segments { // each span of half a second is read, to within the load's looks at it
			if n, spans := len(seg.Machine), int((seg.TEnd-seg.T0)/int64(measure.MachineEvery+tick)); n < spans || seg.Machine[0].T < seg.T0 {
				t.Errorf("segment %d: %d readings of the machine in %d spans", i, n, spans)
			}
			atFault := slices.ContainsFunc(seg.Machine, func(m measure.Machine) bool { return m.T == seg.TFault && m.CPUs == 2 })
			if last := seg.Machine[len(seg.Machine)-1]; !atFault || last.T < seg.TEnd {
				t.Errorf("segment %d: the machine is not read at the fault (%d) and after the end (%d): %+v", i, seg.TFault, seg.TEnd, seg.Machine)
			}
		}
	})
}

// What only a remark needs ends no drill.
func TestMachineThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		l.blind = true
		run, err := drillOn(l, testParams(usual(t, "workload")...), nil).Run(t.Context(), l, l.top, dir)
		if err != nil || len(run.Segments) != 3 {
			t.Fatalf("%v, %+v", err, run.Segments)
		}
		for _, seg := range run.Segments {
			if seg.Machine != nil {
				t.Errorf("%+v", seg.Machine)
			}
		}
	})
}

func TestPhasesInOrder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		var phases []string
		hits := map[string]bool{}
		show := func(s Status) {
			if n := len(phases); n == 0 || phases[n-1] != s.Phase {
				phases = append(phases, s.Phase)
			}
			if s.Phase == "crash" {
				for _, h := range s.Hit {
					hits[h] = true
				}
			} else if s.Phase != PhaseSettle && len(s.Hit) > 0 {
				t.Errorf("%s: hit %v", s.Phase, s.Hit)
			}
		}
		if _, err := drillOn(l, testParams(usual(t, "workload")...), show).Run(t.Context(), l, l.top, dir); err != nil {
			t.Fatal(err)
		}
		want := []string{PhasePlace, PhaseSettle, PhaseBaseline, PhaseNull, PhaseBaseline, "crash", PhaseBaseline, measure.Undone, PhaseRollback}
		if d := cmp.Diff(want, phases); d != "" {
			t.Error(d)
		}
		// The culprit and those whom it talks to.
		if d := cmp.Diff(map[string]bool{"tenant-a/checkout": true, "tenant-a/web": true, "tenant-a/db": true}, hits); d != "" {
			t.Errorf("shown as hit: %s", d)
		}
		if d := cmp.Diff([]string{"place workload", "kill", "stop", "displace"}, l.log); d != "" {
			t.Error(d)
		}
	})
}

func TestRepeatsAreInterleaved(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		p := testParams(usual(t, "sidecar", "none")...)
		p.Repeat = 3
		if _, err := drillOn(l, p, nil).Run(t.Context(), l, l.top, dir); err != nil {
			t.Fatal(err)
		}
		run, res := judged(t, dir)
		var got []string
		for _, s := range run.Segments {
			if s.Kind == measure.Crash {
				got = append(got, s.Subject)
			}
		}
		var want []string
		for r := range 3 {
			for _, i := range Order(p.Seed, r, 2) {
				want = append(want, p.Subjects[i].Name)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for _, row := range res.Rows {
			if len(row.Outcomes) != 3 {
				t.Errorf("%s: %d outcomes, want 3", row.Subject, len(row.Outcomes))
			}
			for _, i := range row.Outcomes {
				if o := res.Outcomes[i]; len(o.Deviations) > 0 || (row.Subject == "none") != (len(o.Hit) == 0) {
					t.Errorf("%s: hit %v, deviations %v", row.Subject, o.Hit, o.Deviations)
				}
			}
		}
	})
}

func TestNullDrillHasOnlyNullSegments(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		p := testParams(usual(t, "sidecar")...)
		p.Fault = fault.Null{}
		if _, err := drillOn(l, p, nil).Run(t.Context(), l, l.top, dir); err != nil {
			t.Fatal(err)
		}
		run, res := judged(t, dir)
		if len(run.Segments) != 1 || run.Segments[0].Kind != measure.Null || slices.Contains(l.log, "kill") {
			t.Errorf("segments %+v, log %v", run.Segments, l.log)
		}
		if len(res.Rows) != 1 || res.Null == nil || len(res.Outcomes[0].Hit) != 0 {
			t.Errorf("rows %+v", res.Rows)
		}
	})
}

// A data plane that stays away longer than the observation.
func TestObservationIsBounded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		l.started = time.Minute
		if _, err := drillOn(l, testParams(usual(t, "sidecar")...), nil).Run(t.Context(), l, l.top, dir); err != nil {
			t.Fatal(err)
		}
		run, res := judged(t, dir)
		crash := run.Segments[1]
		if got := time.Duration(crash.TEnd - crash.TFault); got != DefaultTimes().Observe {
			t.Errorf("observed for %v, want %v", got, DefaultTimes().Observe)
		}
		if o := res.Outcomes[1]; !o.Recovery.Needed || o.Recovery.Within || o.Missing != 0 {
			t.Errorf("recovery %+v, %d missing", o.Recovery, o.Missing)
		}
	})
}

// A request without a record ends the wait, and the judge says that it is missing.
func TestMissingRecordsDoNotHang(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		l.swallow = func(f lab.Flow, seq int) bool { return f.ID == 3 && seq == 150 } // planned 7.5 s after the start
		l.loses = 1
		if _, err := drillOn(l, testParams(usual(t, "sidecar")...), nil).Run(t.Context(), l, l.top, dir); err != nil {
			t.Fatal(err)
		}
		run, res := judged(t, dir)
		if run.Lost != 1 || len(res.Invalid) != 2 || !strings.Contains(res.Invalid[1], "1 planned requests have no record") {
			t.Errorf("lost %d, invalid %v", run.Lost, res.Invalid)
		}
	})
}

func TestNoSteadyState(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		l.refuse = func(f lab.Flow, _ int64) string {
			if f.From == "tenant-b/web" && f.Kind == load.New {
				return load.Refused
			}
			return ""
		}
		run, err := drillOn(l, testParams(usual(t, "sidecar")...), nil).Run(t.Context(), l, l.top, dir)
		var unsteady *UnsteadyError
		if !errors.As(err, &unsteady) || !slices.Contains(unsteady.Hit, "tenant-b/web") {
			t.Errorf("error %v, want an UnsteadyError with the failing workload", err)
		}
		if !strings.Contains(run.Aborted, "sidecar: settling: no steady state within 20s") {
			t.Errorf("aborted: %s", run.Aborted)
		}
		if d := cmp.Diff([]string{"place sidecar", "stop", "displace"}, l.log); d != "" {
			t.Error(d)
		}
	})
}

func TestPlaceFails(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		l.placeErr = errors.New("no room")
		_, err := drillOn(l, testParams(usual(t, "sidecar", "workload")...), nil).Run(t.Context(), l, l.top, dir)
		if !errors.Is(err, l.placeErr) {
			t.Errorf("error %v, want the one of Place", err)
		}
		if len(l.log) != 3 || l.log[2] != "displace" {
			t.Errorf("log %v, want one place and its rollback", l.log)
		}
		if _, res := judged(t, dir); len(res.Invalid) != 1 || !strings.Contains(res.Invalid[0], "no room") {
			t.Errorf("invalid %v", res.Invalid)
		}
	})
}

// Ctrl-C at any moment: what was placed is displaced, and what was recorded is kept.
func TestInterrupted(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 2 * time.Second, 4 * time.Second, 7 * time.Second, 10*time.Second + 500*time.Millisecond, 12 * time.Second, 20 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				l := newFakeLab()
				ctx, cancel := context.WithTimeoutCause(t.Context(), after, context.Canceled)
				defer cancel()
				interrupted, stop := context.WithCancel(t.Context())
				defer context.AfterFunc(ctx, stop)()
				run, err := drillOn(l, testParams(usual(t, "workload", "sidecar")...), nil).Run(interrupted, l, l.top, dir)
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("error %v, want context.Canceled", err)
				}
				if l.log[len(l.log)-1] != "displace" || l.subject != nil {
					t.Errorf("log %v: not displaced", l.log)
				}
				if run.Aborted != "it was interrupted" {
					t.Errorf("aborted: %q", run.Aborted)
				}
				again, res := judged(t, dir)
				if len(again.Segments) != len(run.Segments) || len(res.Invalid) == 0 {
					t.Errorf("%d segments, invalid %v", len(again.Segments), res.Invalid)
				}
				// A turn takes about 17 s.
				if whole := after > 19*time.Second; whole && len(run.Segments) < 2 {
					t.Errorf("%d segments after %v", len(run.Segments), after)
				}
			})
		})
	}
}

// What the lab tells belongs to the segment during which it happened.
func TestEventsBelongToTheirSegment(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		var d *Drill
		seen := map[string]bool{}
		d = drillOn(l, testParams(usual(t, "sidecar")...), func(s Status) {
			if (s.Phase == "crash" || s.Phase == PhasePlace) && !seen[s.Phase] && s.Note == "" && (s.Phase == PhasePlace || s.Elapsed > time.Second) {
				seen[s.Phase] = true
				d.Saw(lab.Event{At: l.now(), Kind: lab.EventRestart, Name: s.Phase})
			}
		})
		run, err := d.Run(t.Context(), l, l.top, dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range run.Segments {
			for _, e := range s.Events {
				got = append(got, s.Kind+": "+e.Name+" "+e.Note)
			}
		}
		want := []string{"null: null nothing", "crash: crash SIGKILL to cell tenant-a/checkout (pid 4711)", "crash: restart crash", "undone: undone nothing"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
