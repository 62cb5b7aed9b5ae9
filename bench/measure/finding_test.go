package measure

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

func TestFindings(t *testing.T) {
	deny := func(s *story) {
		s.run.Flows[0].Denied = true // its answers are violations of I2 from now on
	}
	check := func(s *story) {
		s.run.Segments[0].Checks = []Check{{Name: "plaintext", Tried: 3, Violated: 2, Note: "on the bridge"}}
	}
	for name, tc := range map[string]struct {
		tell func(*story)
		want []Finding
	}{
		"nothing happens": {func(*story) {}, []Finding{}},
		"a prediction that holds": {func(s *story) {
			s.run.Segments[0].Predicted = []int{0}
			s.fail(0, 0, second, load.Refused)
		}, []Finding{}},
		"a denied flow is answered": {deny, []Finding{{FindingAdmitted, "shared", 0, nil, "140 of 140 connections that a policy denies were admitted"}}},
		"nobody enforces": {func(s *story) {
			s.run.Subjects[0].Isolation = "none"
			deny(s)
			check(s)
		}, []Finding{}},
		"a check is violated": {check, []Finding{{FindingViolated, "shared", 0, nil, "check plaintext violated 2 of 3 times (on the bridge)"}}},
		"hit and not predicted": {func(s *story) {
			s.fail(1, 0, second, load.Refused)
			s.breaks(2, ms1, load.EOF)
		}, []Finding{{FindingDeviation, "shared", 0, []int{1, 2}, "hit, not predicted: flow 1 reused b/y -> c/z, flow 2 new c/z -> d/w"}}},
		"predicted and not hit": {func(s *story) { s.run.Segments[0].Predicted = []int{2} },
			[]Finding{{FindingDeviation, "shared", 0, []int{2}, "predicted, not hit: flow 2 new c/z -> d/w"}}},
		"late and not predicted, where the prediction is exact": {func(s *story) { s.slow(1, 0, second, 150*ms1) },
			[]Finding{{FindingDeviation, "shared", 0, []int{1}, "hit, not predicted: flow 1 reused b/y -> c/z"}}},
		"late, where only some may be hit": {func(s *story) {
			s.run.Segments[0].Waiting = []int{0}
			s.slow(1, 0, second, 150*ms1)
		}, []Finding{}},
	} {
		s := newStory(Crash)
		tc.tell(s)
		if d := cmp.Diff(tc.want, s.judge(t).Findings); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// What a null segment shows without any fault is no deviation.
func TestLatenessBelowTheNoiseFloorIsNoFinding(t *testing.T) {
	s := newStory(Null)
	s.run.Drill = Crash
	s.slow(2, 0, second, 150*ms1)
	s.segment(Crash, 20*sec)
	s.shifted(20*second, func() { s.slow(1, 0, second, 150*ms1) })
	res := s.judge(t)
	if res.Noise.LateHits != 1 || len(res.Outcomes[1].Deviations) != 1 || len(res.Findings) != 0 {
		t.Errorf("noise %+v, deviations %v, findings %v", res.Noise, res.Outcomes[1].Deviations, res.Findings)
	}
	s.shifted(20*second, func() { s.slow(2, 0, second, 150*ms1) })
	if res = s.judge(t); len(res.Findings) != 1 {
		t.Errorf("two late flows beside a floor of one: findings %v", res.Findings)
	}
}

// shifted tells what happens in a segment that begins later.
func (s *story) shifted(by time.Duration, tell func()) {
	for i := range s.records {
		s.records[i].Planned -= int64(by)
		s.records[i].Done -= int64(by)
	}
	tell()
	for i := range s.records {
		s.records[i].Planned += int64(by)
		s.records[i].Done += int64(by)
	}
}

func TestAnUndoThatLeavesSomethingBehind(t *testing.T) {
	s := newStory(Undone)
	s.run.Drill = Crash
	if f := s.judge(t).Findings; len(f) != 0 {
		t.Errorf("a clean one: %v", f)
	}
	s.fail(1, -hundred, 0, load.Reset)
	s.fail(2, 0, hundred, load.Refused)
	s.breaks(1, ms1, load.EOF)
	want := []Finding{{FindingUnclean, "shared", 0, []int{1, 2},
		"the undo is not complete: 5 errors after it (1 eof, 2 refused, 2 reset) in flow 1 reused b/y -> c/z, flow 2 new c/z -> d/w"}}
	res := s.judge(t)
	if d := cmp.Diff(want, res.Findings); d != "" {
		t.Error(d)
	}
	if res.Noise.FaultFree != 0 {
		t.Errorf("noise %+v: an undone segment is judged by itself", res.Noise)
	}
	// A stalled machine is not the undo's doing.
	s.fail(9, -hundred, 2*hundred, load.Timeout)
	if f := s.judge(t).Findings; len(f) != 0 {
		t.Errorf("in void bins: %v", f)
	}
}

// A stalled machine is nobody's error, before the fault no more than after it.
func TestErrorsInVoidBinsAreNoNoise(t *testing.T) {
	s := newStory(Null)
	s.fail(0, -hundred, hundred, load.Timeout)
	s.fail(9, -hundred, hundred, load.Timeout)
	if n := s.judge(t).Noise; n != (Noise{Nulls: 1, Void: 4}) {
		t.Errorf("%+v", n)
	}
}

func TestClocksThatDiffer(t *testing.T) {
	s := newStory(Crash)
	s.run.Clocks = []Clock{
		{Workload: "a/x", Asked: 10 * ms, At: 11 * ms, Told: 12 * ms},
		{Workload: "b/y", Asked: 10 * ms, At: 12*ms + ms/2, Told: 12 * ms}, // by half a millisecond: nobody cares
		{Workload: "c/z", Asked: 10 * ms, At: 15 * ms, Told: 12 * ms},
		{Workload: "c/z", Asked: 20 * ms, At: 24 * ms, Told: 22 * ms},
		{Workload: "d/w", Asked: 10 * ms, At: 3 * ms, Told: 12 * ms},
	}
	want := []string{
		"the clock of the sampler in c/z is 3ms ahead of the injector's at least",
		"the clock of the sampler in d/w is 7ms behind the injector's at least",
	}
	if d := cmp.Diff(want, s.judge(t).Invalid); d != "" {
		t.Error(d)
	}
	if within, compared := s.run.ClockBound(); !compared || within != 9*time.Millisecond {
		t.Errorf("within %v, %v", within, compared)
	}
	for _, bad := range []Clock{{Workload: "nobody"}, {Workload: "a/x", Asked: 2, Told: 1}, {Workload: "a/x", At: -1}} {
		s.run.Clocks = []Clock{bad}
		if err := s.run.Validate(); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
