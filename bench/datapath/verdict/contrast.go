package verdict

import (
	"math"
	"slices"
)

// contrast is one row of two builds: logarithms of what is compared, by round, turned so that more is worse. NaN: that
// round has none.
type contrast struct{ old, new []float64 }

// against are the values of a row's subject by round, or their ratios to another. One that is not above zero is NaN: it
// is memory lost in noise.
func (d *Document) against(row Row, peer string) []float64 {
	all := make([]float64, d.Rounds)
	ours, theirs := d.values(row.Name, row.Metric, row.Subject), d.values(row.Name, row.Metric, peer)
	for round := range all {
		x, has := ours[round]
		if peer != "" {
			y, both := theirs[round]
			x, has = x/y, has && both && y > 0
		}
		if all[round] = x; !has || !(x > 0) {
			all[round] = math.NaN()
		}
	}
	return all
}

// add adds a row that is in both.
func (c *Comparison) add(t *trial, row Row, old, fresh []float64, both bool) {
	if t.paired {
		for i := range old {
			if math.IsNaN(old[i] + fresh[i]) { // a round of one build is none
				old[i], fresh[i] = math.NaN(), math.NaN()
			}
		}
	}
	a, b := there(old), there(fresh)
	if !both || len(a) == 0 || len(b) == 0 {
		c.Left = append(c.Left, row.Title+", "+row.Metric)
		return
	}
	c.Rows = append(c.Rows, Changed{Row: row, Old: median(a), New: median(b)})
	if min(len(a), len(b)) < fewest {
		old, fresh = nowhere(old), nowhere(fresh)
	}
	t.rows = append(t.rows, contrast{row.logs(old), row.logs(fresh)})
}

// nowhere are as many values, none of which is there.
func nowhere(values []float64) []float64 { return slices.Repeat([]float64{math.NaN()}, len(values)) }

// there are the values that are, sorted.
func there(all []float64) []float64 { return slices.DeleteFunc(sorted(all), math.IsNaN) }

// logs turns values so that more is worse.
func (r Row) logs(values []float64) []float64 {
	all := make([]float64, len(values))
	for i, x := range values {
		all[i] = math.Log(x)
		if r.Better == More {
			all[i] = -all[i]
		}
	}
	return all
}
