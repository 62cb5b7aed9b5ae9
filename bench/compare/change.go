package compare

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Verdicts on a change.
const (
	Same       = "same"        // all values of both runs are one
	Noise      = "noise"       // chance explains it
	Better     = "better"      //
	Worse      = "worse"       //
	CannotTell = "cannot tell" // too few repeats, or an invalid record
)

// Change is one figure in both runs. More of any figure is worse.
type Change struct {
	Figure     string             `json:"figure"`
	Unit       string             `json:"unit"`
	A          []float64          `json:"a"` // sorted values
	B          []float64          `json:"b"`
	Difference measure.Difference `json:"difference"` // of medians, B less A
	Verdict    string             `json:"verdict"`
}

func changed(f measure.Figure, a, b []float64, seed int64, valid bool) Change {
	slices.Sort(a)
	slices.Sort(b)
	c := Change{Figure: f.Name, Unit: f.Unit, A: a, B: b, Difference: measure.Compare(a, b, seed)}
	switch d := c.Difference; {
	case a[0] == b[0] && a[0] == a[len(a)-1] && b[0] == b[len(b)-1]:
		c.Verdict = Same
	case !valid || !measure.Enough(len(a), len(b)):
		c.Verdict = CannotTell
	case d.Low > 0:
		c.Verdict = Worse
	case d.Up < 0:
		c.Verdict = Better
	default:
		c.Verdict = Noise
	}
	return c
}

// Flows is which flows failed in every repeat of one run and in none of the other.
type Flows struct {
	Gained  []int  `json:"gained"` // fail in B
	Lost    []int  `json:"lost"`   // fail in A
	Verdict string `json:"verdict"`
}

// flows compares sets of flows. One repeat of each tells where nothing is open in the
// prediction: such a flow fails always or never. Those that were hit by lateness alone are
// left to the figures.
func flows(a, b []*measure.Outcome, valid bool) Flows {
	always := func(all []*measure.Outcome) (ids []int) { return within(all, len(all)) }
	ever := func(all []*measure.Outcome) []int { return within(all, 1) }
	f := Flows{Gained: without(always(b), ever(a)), Lost: without(always(a), ever(b)), Verdict: CannotTell}
	switch {
	case len(a) == 0 || len(b) == 0 || !valid || !exact(a) || !exact(b):
	case len(f.Gained) > 0:
		f.Verdict = Worse
	case len(f.Lost) > 0:
		f.Verdict = Better
	case slices.Equal(ever(a), ever(b)):
		f.Verdict = Same
	default:
		f.Verdict = Noise
	}
	return f
}

func exact(all []*measure.Outcome) bool {
	return !slices.ContainsFunc(all, func(o *measure.Outcome) bool { return !o.Exact() })
}

// within is the flows that failed in so many outcomes at least, ascending.
func within(all []*measure.Outcome, least int) []int {
	times := map[int]int{}
	for _, o := range all {
		for _, id := range without(o.Hit, o.ByLateness) {
			times[id]++
		}
	}
	ids := []int{}
	for id, n := range times {
		if n >= least {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func without(all, those []int) []int {
	return slices.DeleteFunc(slices.Clone(all), func(id int) bool { return slices.Contains(those, id) })
}
