package verdict

import (
	"math"
	"math/rand/v2"
	"slices"
)

// trial is how the builds differ in all rows.
type trial struct {
	rows   []contrast
	paired bool // round i of old and round i of new are one; else there is no order between the two
	seed   int64
}

// difference is the mean of one row in a deal and its standard error; there is none of fewer than two values a side. A
// deal says, paired, in which rounds the two change places; else, which of all rounds, old then new, count as new.
func (t *trial) difference(row contrast, deal []bool) (mean, se float64) {
	var a, b moments
	for i := range deal {
		switch old := len(row.old); {
		case t.paired && deal[i]:
			b.add(row.old[i] - row.new[i])
		case t.paired:
			b.add(row.new[i] - row.old[i])
		default:
			x := 0.0
			if i < old {
				x = row.old[i]
			} else {
				x = row.new[i-old]
			}
			if deal[i] {
				b.add(x)
			} else {
				a.add(x)
			}
		}
	}
	if b.n < 2 || !t.paired && a.n < 2 {
		return math.NaN(), math.NaN()
	}
	const least = 1e-9 // values that are all the same have no error, and nothing is divided by it
	return b.mean() - a.mean(), max(math.Sqrt(a.error2()+b.error2()), least)
}

// happened is the difference as it was measured.
func (t *trial) happened(row contrast) (mean, se float64) {
	deal := make([]bool, len(row.old))
	if !t.paired {
		deal = slices.Concat(deal, slices.Repeat([]bool{true}, len(row.new)))
	}
	return t.difference(row, deal)
}

// moments add up values that are there.
type moments struct{ n, sum, squares float64 }

func (m *moments) add(x float64) {
	if !math.IsNaN(x) {
		m.n, m.sum, m.squares = m.n+1, m.sum+x, m.squares+x*x
	}
}

func (m *moments) mean() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / m.n
}

// error2 is the square of the mean's standard error.
func (m *moments) error2() float64 {
	if m.n < 2 {
		return 0
	}
	return max(m.squares-m.sum*m.sum/m.n, 0) / (m.n - 1) / m.n
}

// limit is how many standard errors the worst row of equal builds is off by chance, exceeded with the probability tail at
// most: the labels old and new are dealt out again, in all rows at once, and the worst row of each deal is looked at.
// Equal builds could have been labelled in any of these ways, so that this is exact whatever the distribution, and rows
// that rise and fall together count as what they are.
func (t *trial) limit(tail float64) float64 {
	var worst []float64
	t.deals(func(deal []bool) {
		most := math.Inf(-1)
		for _, row := range t.rows {
			if mean, se := t.difference(row, deal); !math.IsNaN(mean) {
				most = max(most, mean/se)
			}
		}
		worst = append(worst, most)
	})
	slices.Sort(worst)
	return worst[len(worst)-1-int(tail*float64(len(worst)))]
}

const (
	allDeals  = 11   // rounds of which every deal is made: 2,048
	someDeals = 2047 // drawn of more, beside what really happened
)

// deals makes them, what really happened first. The seed draws, so that everybody who reads the records gets the same.
func (t *trial) deals(do func([]bool)) {
	first := t.rows[0]
	if t.paired {
		t.flips(len(first.old), do)
		return
	}
	deal := make([]bool, len(first.old)+len(first.new))
	for i := range first.new {
		deal[len(first.old)+i] = true
	}
	do(deal)
	draw := rand.New(rand.NewPCG(uint64(t.seed), uint64(len(deal))))
	for range someDeals {
		draw.Shuffle(len(deal), func(i, j int) { deal[i], deal[j] = deal[j], deal[i] })
		do(deal)
	}
}

func (t *trial) flips(rounds int, do func([]bool)) {
	deal := make([]bool, rounds)
	draw := rand.New(rand.NewPCG(uint64(t.seed), uint64(rounds)))
	for n := range 1 << min(rounds, allDeals) {
		for i := range deal {
			deal[i] = n>>i&1 == 1
			if rounds > allDeals && n > 0 {
				deal[i] = draw.IntN(2) == 1
			}
		}
		do(deal)
	}
}
