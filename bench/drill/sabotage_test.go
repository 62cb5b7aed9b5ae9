package drill

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// sabotaged is the result of a crash drill of the isolation workload on a lab that somebody
// has spoiled. bench/lab has the tests of what is spoiled in a real data plane.
func sabotaged(t *testing.T, spoil func(*fakeLab)) (res *measure.Result) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab()
		spoil(l)
		if _, err := drillOn(l, testParams(usual(t, "workload")...), nil).Run(t.Context(), l, l.top, dir); err != nil {
			t.Fatal(err)
		}
		_, res = judged(t, dir)
	})
	return res
}

// The control of all that follow.
func TestNothingIsFoundInASoundLab(t *testing.T) {
	res := sabotaged(t, func(*fakeLab) {})
	if len(res.Invalid) != 0 || len(res.Findings) != 0 {
		t.Errorf("invalid %v, findings %v", res.Invalid, res.Findings)
	}
}

func TestAHoleInThePolicyIsCaught(t *testing.T) {
	res := sabotaged(t, func(l *fakeLab) { l.hole = true })
	if len(res.Findings) != 3 || res.Findings[0].Kind != measure.FindingAdmitted { // null, crash, undone
		t.Errorf("findings %v", res.Findings)
	}
}

// A sampler whose clock is not the injector's sees failures before the fault, or too late
// after it. The fake answers within a millisecond: what is off by half of that shows.
func TestASkewedClockIsCaught(t *testing.T) {
	for skew, want := range map[time.Duration]string{
		400 * time.Microsecond:  "",
		-400 * time.Microsecond: "",
		2 * time.Millisecond:    "1.5ms ahead",
		-2 * time.Millisecond:   "1.5ms behind",
		-time.Second:            "behind",
	} {
		res := sabotaged(t, func(l *fakeLab) { l.skew = skew })
		switch {
		case want == "" && len(res.Invalid) != 0:
			t.Errorf("skew %v: invalid %v", skew, res.Invalid)
		case want != "" && (len(res.Invalid) == 0 || !strings.Contains(res.Invalid[0], want)):
			t.Errorf("skew %v: invalid %v, want one about %q", skew, res.Invalid, want)
		}
	}
}

// Records that vanish are missed whether or not whoever lost them says so.
func TestARecorderThatLosesRecordsIsCaught(t *testing.T) {
	for want, spoil := range map[string]func(*fakeLab){
		"1 planned requests have no record":                    func(l *fakeLab) { l.swallow = func(f lab.Flow, seq int) bool { return f.ID == 3 && seq == 150 } },
		"7 records were lost on their way out of the samplers": func(l *fakeLab) { l.loses = 7 },
	} {
		if res := sabotaged(t, spoil); len(res.Invalid) != 1 || res.Invalid[0] != want {
			t.Errorf("invalid %v, want %q", res.Invalid, want)
		}
	}
}
