package verdict

import (
	"math"
	"testing"
)

// TestOrderStatistics compares with what every textbook has.
func TestOrderStatistics(t *testing.T) {
	values := func(n int) (all []float64) {
		for i := range n {
			all = append(all, float64(i+1))
		}
		return all
	}
	for n, want := range map[int]Interval{
		6: {1, 6, 0.96875}, 9: {2, 8, 0.9609375}, 10: {2, 9, 0.978515625}, 15: {4, 12, 0.96484375}, 20: {6, 15, 0.95861},
	} {
		got := ofMedian(values(n), 0.95)
		if got == nil || got.Low != want.Low || got.Up != want.Up || math.Abs(got.Holds-want.Holds) > 1e-5 {
			t.Errorf("%d values: %+v, want %+v", n, got, want)
		}
	}
	for n := range 6 {
		if got := ofMedian(values(n), 0.95); got != nil {
			t.Errorf("%d values: %+v", n, got)
		}
	}
}

// TestIntervalsHoldWhatTheyPromise draws from a distribution with long tails, which normal theory gets wrong.
func TestIntervalsHoldWhatTheyPromise(t *testing.T) {
	const n, times = 9, 4000
	draw := seeded(5)
	heavy := func() float64 { return math.Exp(0.2 * draw.NormFloat64() * math.Exp(0.5*draw.NormFloat64())) }
	held := 0
	for range times {
		var all []float64
		for range n {
			all = append(all, heavy())
		}
		if i := ofMedian(sorted(all), 0.95); i.Low <= 1 && 1 <= i.Up {
			held++
		}
	}
	// 96.1 % by the book.
	if share := float64(held) / times; share < 0.961-3*math.Sqrt(0.039*0.961/times) || share > 0.961+3*math.Sqrt(0.039*0.961/times) {
		t.Errorf("held in %.3f of the samples", share)
	}
}
