package cost

import (
	"math"
	"slices"
)

// Spread is the median of a number over the turns of an isolation, with the smallest
// and the largest.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Turns  int     `json:"turns"`
}

// spreadOf leaves out what is not a number; nil when nothing is left.
func spreadOf(xs []float64) *Spread {
	xs = slices.DeleteFunc(slices.Clone(xs), math.IsNaN)
	if len(xs) == 0 {
		return nil
	}
	slices.Sort(xs)
	return &Spread{Median: middle(xs), Low: xs[0], High: xs[len(xs)-1], Turns: len(xs)}
}

// middle is the median of sorted numbers; NaN without any.
func middle(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	n := len(xs)
	return (xs[(n-1)/2] + xs[n/2]) / 2
}

// quantile is the nearest rank in sorted numbers: the smallest one that at least q of
// all do not exceed. NaN without any.
func quantile(sorted []int64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return float64(sorted[min(max(i, 0), len(sorted)-1)])
}

// most is the largest number of sorted times within any second.
func most(times []int64) (n int) {
	const second = int64(1e9)
	first := 0
	for i, t := range times {
		for t-times[first] >= second {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}
