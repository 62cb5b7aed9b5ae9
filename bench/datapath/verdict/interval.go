package verdict

import "math"

// Interval holds a true value with the probability Holds at least.
type Interval struct {
	Low   float64 `json:"low"`
	Up    float64 `json:"up"`
	Holds float64 `json:"holds"`
}

// above and below say where the whole interval is.
func (i Interval) above(x float64) bool { return i.Low > x }
func (i Interval) below(x float64) bool { return i.Up < x }

// median is the lower one of an even number: a value that was seen.
func median(sorted []float64) float64 { return sorted[(len(sorted)-1)/2] }

// ofMedian is the interval of the median of what the values were drawn from: between the k-th smallest and the k-th
// largest, with the largest k that still holds it with the probability asked for. That is exact whatever the
// distribution: the median is outside only when fewer than k values fall on one of its sides, and each falls there with
// one half. Too few values have no such interval, and nil is said.
func ofMedian(sorted []float64, holds float64) *Interval {
	n := len(sorted)
	outside, found := 0.0, (*Interval)(nil)
	for k := 1; k <= n/2; k++ {
		outside += 2 * binomialHalf(n, k-1)
		if 1-outside < holds {
			break
		}
		found = &Interval{sorted[k-1], sorted[n-k], 1 - outside}
	}
	return found
}

// binomialHalf is the probability of k heads of n coins.
func binomialHalf(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return math.Exp(lg(n) - lg(k) - lg(n-k) - float64(n)*math.Ln2)
}
