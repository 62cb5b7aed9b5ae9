package verdict

import (
	"math"
	"slices"
)

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

// ofQuotient is the interval of the factor between two samples of positive values whose order means nothing, such as the
// rounds of two runs: b as a factor of a. It is that of Hodges and Lehmann, from the ranks that Mann and Whitney count:
// exact whatever the distribution, if one is the other times a factor. The estimate is the median of all quotients.
func ofQuotient(a, b []float64, holds float64) (estimate float64, _ *Interval) {
	all := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			all = append(all, y/x)
		}
	}
	slices.Sort(all)
	c, outside := rankLimit(len(a), len(b), (1-holds)/2)
	if c == 0 {
		return median(all), nil
	}
	return median(all), &Interval{all[c-1], all[len(all)-c], 1 - 2*outside}
}

// exactRanks is up to how many values the distribution of ranks is counted; above, it is the normal one to three digits.
const exactRanks = 40

// rankLimit is the largest c for which fewer than c of n·m pairs lie on one side by chance with the probability tail at
// most, and that probability.
func rankLimit(n, m int, tail float64) (c int, p float64) {
	if max(n, m) > exactRanks {
		mean, sd := float64(n*m)/2, math.Sqrt(float64(n*m)*float64(n+m+1)/12)
		z := math.Sqrt2 * math.Erfinv(1-2*tail)
		c = int(math.Floor(mean - 0.5 - z*sd))
		return max(c, 0), tail
	}
	for _, probability := range rankProbabilities(n, m) {
		if p+probability > tail {
			break
		}
		p += probability
		c++
	}
	return c, p
}

// rankProbabilities are those of U = 0, 1, … n·m of n values against m: the largest of all is one of the n, and then above
// all m, or one of the m.
func rankProbabilities(n, m int) []float64 {
	table := make([][]float64, m+1) // of the n so far, by m
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			p := make([]float64, i*j+1)
			if i == 0 || j == 0 {
				p[0] = 1
				table[j] = p
				continue
			}
			above, other := float64(i)/float64(i+j), float64(j)/float64(i+j)
			for u, x := range table[j] { // of i-1 and j
				p[u+j] += above * x
			}
			for u, x := range table[j-1] { // of i and j-1
				p[u] += other * x
			}
			table[j] = p
		}
	}
	return table[m]
}
