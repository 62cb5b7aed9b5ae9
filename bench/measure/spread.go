package measure

import "slices"

// Spread is one figure over the repeats of a subject.
type Spread struct {
	Figure string  `json:"figure"` // its name, one of Figures
	Unit   string  `json:"unit"`
	N      int     `json:"n"` // outcomes that have it
	Min    float64 `json:"min"`
	Median float64 `json:"median"` // the lower one of an even number: a value that was seen
	Max    float64 `json:"max"`
	// Low and Up are the 95 % bootstrap interval of the median, drawn with the run's seed.
	// One run shows no spread: see Interval.
	Low float64 `json:"low"`
	Up  float64 `json:"up"`
}

// Interval reports whether Low and Up say anything: of one value nothing can be resampled.
func (s Spread) Interval() bool { return s.N >= 2 }

// Spread is the spread of a figure, nil when no outcome of the row has it.
func (row *Row) Spread(figure string) *Spread {
	return find(row.Spreads, func(s Spread) bool { return s.Figure == figure })
}

// spreads summarizes the outcomes of a row, figure by figure.
func spreads(figures []Figure, outcomes []*Outcome, seed int64) []Spread {
	all := []Spread{}
	for _, f := range figures {
		if values := f.Values(outcomes); len(values) > 0 {
			all = append(all, spread(f, values, seed))
		}
	}
	return all
}

func spread(f Figure, values []float64, seed int64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	s := Spread{Figure: f.Name, Unit: f.Unit, N: n, Min: sorted[0], Median: median(sorted), Max: sorted[n-1]}
	if n >= 2 {
		r := newResampler(seed, n)
		medians := make([]float64, resamples)
		for i := range medians {
			medians[i] = r.median(sorted)
		}
		s.Low, s.Up = middle(medians)
	}
	return s
}

// median is that of sorted values.
func median(sorted []float64) float64 { return sorted[(len(sorted)-1)/2] }

// middle is the interval that holds 95 % of the values; it sorts them.
func middle(all []float64) (low, up float64) {
	slices.Sort(all)
	return all[len(all)*25/1000], all[len(all)*975/1000-1]
}
