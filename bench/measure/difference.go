package measure

import "slices"

// Difference is how far the medians of two samples lie apart, second less first.
type Difference struct {
	Median float64 `json:"median"`
	// Low and Up are its 95 % bootstrap interval, of which there is none where one of the
	// samples has a single value.
	Low float64 `json:"low"`
	Up  float64 `json:"up"`
}

// Compare resamples both samples independently; neither may be empty.
func Compare(a, b []float64, seed int64) Difference {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	d := Difference{Median: median(b) - median(a)}
	if len(a) < 2 || len(b) < 2 {
		return d
	}
	// One sequence of draws for both: two resamplers with one seed would draw the same
	// positions, and samples that rise and fall together seem closer than they are.
	ra := newResampler(seed, len(a))
	rb := &resampler{ra.draw, make([]int, len(b))}
	all := make([]float64, resamples)
	for i := range all {
		all[i] = rb.median(b) - ra.median(a)
	}
	d.Low, d.Up = middle(all)
	return d
}

// Enough reports whether n repeats against m could tell a difference from chance at 95 %
// at all: of all ways to deal n+m values out, the two extreme ones must be fewer than one
// in twenty. Three against three are not enough (2 of 20), four against four are (2 of 70).
func Enough(n, m int) bool {
	const least = 40
	ways := 1
	for i := 1; i <= min(n, m) && ways <= least; i++ {
		ways = ways * (n + m - i + 1) / i
	}
	return n > 0 && m > 0 && ways >= least
}
