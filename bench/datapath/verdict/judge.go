package verdict

import (
	"fmt"
)

// Words of a verdict.
const (
	Pass  = "pass"
	Miss  = "miss"
	Tie   = "tie"
	Blank = "" // nothing was measured
)

// sure is with which probability the interval of a verdict holds the median ratio, at least.
const sure = 0.95

// Judged is one line of the table.
type Judged struct {
	Row
	Rounds   int       `json:"rounds"`             // in which both were measured
	Ours     float64   `json:"ours"`               // median
	Theirs   float64   `json:"theirs"`             // median
	Ratio    float64   `json:"ratio"`              // median of the rounds' own
	Interval *Interval `json:"interval,omitempty"` // nil: too few rounds
	OnBar    string    `json:"onBar"`
	OnGoal   string    `json:"onGoal"`
}

// Result is everything that a record says.
type Result struct {
	Rows    []Judged `json:"rows"`
	Spreads []Spread `json:"spreads"`
	Invalid []string `json:"invalid,omitempty"` // why nobody should quote it
}

// Judge computes it.
func (d *Document) Judge() *Result {
	r := &Result{Spreads: d.spreads()}
	for _, row := range d.Rows {
		r.Rows = append(r.Rows, d.judge(row))
	}
	switch {
	case d.End == nil:
		r.Invalid = []string{"the run was killed before it ended"}
	case d.End.Why != "":
		r.Invalid = []string{"the run did not end: " + d.End.Why}
	}
	return r
}

func (d *Document) judge(row Row) Judged {
	j := Judged{Row: row}
	ours, theirs := d.pairs(row.Name, row.Metric, row.Subject, row.Peer)
	j.Rounds = len(ours)
	if j.Rounds == 0 {
		return j
	}
	ratios := quotients(ours, theirs)
	j.Ours, j.Theirs, j.Ratio = median(sorted(ours)), median(sorted(theirs)), median(ratios)
	j.Interval = ofMedian(ratios, sure)
	j.OnBar, j.OnGoal = row.meets(j.Interval, row.Bar), row.meets(j.Interval, row.Goal)
	return j
}

// meets compares an interval with a mark. An interval that ends at the mark meets it.
func (r Row) meets(i *Interval, mark float64) string {
	switch {
	case i == nil:
		return Tie
	case r.Better == More && i.Low >= mark, r.Better == Less && i.Up <= mark:
		return Pass
	case r.Better == More && i.below(mark), r.Better == Less && i.above(mark):
		return Miss
	}
	return Tie
}

// pairs are the values of two subjects in the rounds that have both, in the order of rounds. A round in which the second is
// not above zero has no ratio; it happens to idle memory that is lost in noise.
func (d *Document) pairs(row, metric, a, b string) (as, bs []float64) {
	values := [2]map[int]float64{d.values(row, metric, a), d.values(row, metric, b)}
	for round := range d.Rounds {
		x, hasX := values[0][round]
		y, hasY := values[1][round]
		if hasX && hasY && y > 0 {
			as, bs = append(as, x), append(bs, y)
		}
	}
	return as, bs
}

// Verdict is a judged row in a sentence.
func (j Judged) Verdict() string {
	if j.Rounds == 0 {
		return "not measured"
	}
	if j.Interval == nil {
		return fmt.Sprintf("%.2f of %s: %d rounds are too few to tell", j.Ratio, j.Peer, j.Rounds)
	}
	return fmt.Sprintf("%.2f of %s, %.2f to %.2f: bar %s, goal %s", j.Ratio, j.Peer, j.Interval.Low, j.Interval.Up, j.OnBar, j.OnGoal)
}
