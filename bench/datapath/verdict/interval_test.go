package verdict

import (
	"math"
	"slices"
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

// TestRanks compares with the tables of Mann and Whitney: the largest U that is significant, one-sided at 2.5 % and 0.5 %.
func TestRanks(t *testing.T) {
	for _, c := range []struct {
		n, m int
		tail float64
		u    int // -1: none
	}{{3, 3, 0.025, -1}, {4, 4, 0.025, 0}, {5, 5, 0.025, 2}, {8, 9, 0.025, 15}, {9, 9, 0.025, 17}, {9, 9, 0.005, 11}, {10, 20, 0.025, 55}, {20, 20, 0.025, 127}, {20, 20, 0.005, 105}} {
		limit, p := rankLimit(c.n, c.m, c.tail)
		if limit-1 != c.u || p > c.tail {
			t.Errorf("%d against %d at %v: U of %d (probability %v), want %d", c.n, c.m, c.tail, limit-1, p, c.u)
		}
	}
	for _, n := range []int{1, 2, 7, 30} {
		sum := 0.0
		for _, p := range rankProbabilities(n, 9) {
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%d against 9: probabilities add up to %v", n, sum)
		}
	}
	// Where counting ends, the normal distribution goes on.
	exact, _ := rankLimit(exactRanks, exactRanks, 0.01)
	beyond, _ := rankLimit(exactRanks+1, exactRanks, 0.01)
	if beyond < exact || beyond > exact+exactRanks {
		t.Errorf("%d, then %d", exact, beyond)
	}
}

// TestIntervalsHoldWhatTheyPromise draws from distributions with long tails, which normal theory gets wrong.
func TestIntervalsHoldWhatTheyPromise(t *testing.T) {
	const n, times = 9, 4000
	draw := seeded(5)
	heavy := func() float64 { return math.Exp(0.2 * draw.NormFloat64() * math.Exp(0.5*draw.NormFloat64())) }
	medians, quotients := 0, 0
	for range times {
		var a, b []float64
		for range n {
			a, b = append(a, heavy()), append(b, 0.9*heavy())
		}
		if i := ofMedian(sorted(a), 0.95); i.Low <= 1 && 1 <= i.Up {
			medians++
		}
		if _, i := ofQuotient(a, b, 0.95); i.Low <= 0.9 && 0.9 <= i.Up {
			quotients++
		}
	}
	for name, held := range map[string]int{"median": medians, "quotient": quotients} {
		if share := float64(held) / times; share < 0.95-3*math.Sqrt(0.05*0.95/times) || share > 0.985 {
			t.Errorf("%s: held in %.3f of the samples", name, share)
		}
	}
}

func TestQuotientTooFew(t *testing.T) {
	estimate, i := ofQuotient([]float64{1, 2}, []float64{2, 4}, 0.95)
	if i != nil || !slices.Contains([]float64{1, 2, 4}, estimate) {
		t.Errorf("%v, %+v", estimate, i)
	}
}
