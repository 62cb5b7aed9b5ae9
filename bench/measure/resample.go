package measure

import "math/rand/v2"

// resamples of a bootstrap: ends of the interval to a tenth of its width.
const resamples = 10_000

// resampler draws samples with replacement. The run's seed draws, so that everybody who
// reads the record gets the same interval (I8).
type resampler struct {
	draw   *rand.Rand
	counts []int
}

func newResampler(seed int64, n int) *resampler {
	return &resampler{rand.New(rand.NewPCG(uint64(seed), uint64(n))), make([]int, n)}
}

// median is the median of one resample of sorted values. Drawing positions and counting
// them leaves the resample sorted: sorting each of ten thousand would take longer than
// everything else that a report does.
func (r *resampler) median(sorted []float64) float64 {
	n := len(sorted)
	clear(r.counts)
	for range n {
		r.counts[r.draw.IntN(n)]++
	}
	below := 0
	for i, c := range r.counts {
		if below += c; below > (n-1)/2 {
			return sorted[i]
		}
	}
	return sorted[n-1] // not reached: the counts add up to n
}

// bootstrap is the 95 % percentile interval of the mean.
func bootstrap(all []float64, seed int64) (low, up float64) {
	draw := newResampler(seed, len(all)).draw
	means := make([]float64, resamples)
	for i := range means {
		sum := 0.0
		for range all {
			sum += all[draw.IntN(len(all))]
		}
		means[i] = sum / float64(len(all))
	}
	return middle(means)
}
