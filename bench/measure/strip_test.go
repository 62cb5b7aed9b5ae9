package measure

import (
	"math/rand/v2"
	"testing"
)

func TestBinOf(t *testing.T) {
	for d, want := range map[int64]int{0: 0, 100*ms - 1: 0, 100 * ms: 1, -1: -1, -100 * ms: -1, -100*ms - 1: -2, -3 * sec: -30} {
		if got := binOf(tFault+d, tFault); got != want {
			t.Errorf("bin of %d ns after the fault is %d, want %d", d, got, want)
		}
	}
}

func TestSegmentAt(t *testing.T) {
	all := []Segment{{T0: 10, TEnd: 20}, {T0: 20, TEnd: 30}, {T0: 40, TEnd: 40}, {T0: 50, TEnd: 60}}
	for at, want := range map[int64]int{9: -1, 10: 0, 19: 0, 20: 1, 29: 1, 30: -1, 40: -1, 49: -1, 50: 3, 60: -1} {
		if got := segmentAt(all, at); got != want {
			t.Errorf("time %d is in segment %d, want %d", at, got, want)
		}
	}
	if segmentAt(nil, 5) != -1 {
		t.Error("a segment was found in none")
	}
}

// The count of planned requests is a formula; counting one by one must agree.
func TestPlannedInCountsWhatIsThere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		f := &Flow{Period: 1 + rng.Int64N(30), Offset: rng.Int64N(30)}
		start := rng.Int64N(50)
		from := rng.Int64N(150)
		to := from + rng.Int64N(100)
		var want int64
		for k := int64(0); k < 300; k++ {
			if p := start + f.Offset + k*f.Period; p >= from && p < to {
				want++
			}
		}
		if got := plannedIn(f, start, from, to); got != want {
			t.Fatalf("flow %+v from %d: %d requests in [%d,%d), want %d", *f, start, got, from, to, want)
		}
	}
}
