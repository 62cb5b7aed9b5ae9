package verdict

import (
	"fmt"
	"math"
	"slices"
)

// Words of a check.
const (
	Worse  = "worse"
	Better = "better"
	Noise  = "noise"
	Unsure = "unsure" // too few rounds for any interval
)

// falseAlarms is how often a check of two equal builds may find something worse in any of its rows.
const falseAlarms = 0.05

// fewest rounds of each build tell a change from chance: of six pairs all six are worse once in 64 times.
const fewest = 6

// Comparison is what has changed between two builds.
type Comparison struct {
	Old string `json:"old"` // build
	New string `json:"new"`
	// Paired says that both were measured in the rounds of one run, and that values are compared. Else each value is a
	// ratio to the peer of its own round: that is what cancels the state of the machine between two runs.
	Paired bool      `json:"paired"`
	Rows   []Changed `json:"rows"`
	Left   []string  `json:"left,omitempty"` // rows that are not in both
}

// Changed is one row.
type Changed struct {
	Row
	Old      float64   `json:"old"` // median
	New      float64   `json:"new"`
	Factor   float64   `json:"factor"`             // new as a factor of old: the mean of the rounds, of logarithms
	Interval *Interval `json:"interval,omitempty"` // of the factor; it holds for all rows together
	Verdict  string    `json:"verdict"`
}

// Check compares two records of different times, by the ratios to the peer of each row.
func Check(before, after *Document) (*Comparison, error) {
	if err := comparable(before, after); err != nil {
		return nil, err
	}
	c := &Comparison{Old: before.Build, New: after.Build}
	t := &trial{seed: before.Seed ^ after.Seed}
	for _, row := range after.Rows {
		old, fresh := before.against(row, row.Peer), after.against(row, row.Peer)
		c.add(t, row, old, fresh, before.has(row))
	}
	return c.judge(t)
}

// CheckBuilds compares two subjects of one record that are builds of ours, round by round, in the rows of Bulkhead.
func CheckBuilds(d *Document, before, after string) (*Comparison, error) {
	if err := ended(d); err != nil {
		return nil, err
	}
	for _, name := range []string{before, after} {
		if !slices.ContainsFunc(d.Subjects, func(s Subject) bool { return s.Name == name }) {
			return nil, &Misuse{fmt.Sprintf("the record has no subject %q", name)}
		}
	}
	c := &Comparison{Old: d.called(before), New: d.called(after), Paired: true}
	t := &trial{paired: true, seed: d.Seed}
	for _, row := range d.Rows {
		if row.Subject != Bulkhead {
			continue
		}
		old, fresh := row, row
		old.Subject, fresh.Subject = before, after
		c.add(t, row, d.against(old, ""), d.against(fresh, ""), true)
	}
	return c.judge(t)
}

// judge finds how far each row has moved, and how far the worst of them moves by chance.
func (c *Comparison) judge(t *trial) (*Comparison, error) {
	if len(c.Rows) == 0 {
		return nil, &Misuse{"there is no row that both builds were measured in"}
	}
	if !slices.ContainsFunc(t.rows, func(r contrast) bool { return len(there(r.old)) > 0 && len(there(r.new)) > 0 }) {
		return nil, &Misuse{fmt.Sprintf("too few rounds to tell anything from chance: measure 9, and %d at least", fewest)}
	}
	limit := t.limit(falseAlarms)
	for i := range c.Rows {
		r := &c.Rows[i]
		if mean, se := t.happened(t.rows[i]); !math.IsNaN(mean) {
			r.Interval = &Interval{r.factor(mean - limit*se), r.factor(mean + limit*se), 1 - falseAlarms}
			if r.Better == More {
				r.Interval.Low, r.Interval.Up = r.Interval.Up, r.Interval.Low
			}
			r.Factor = r.factor(mean)
		}
		r.Verdict = r.changed()
	}
	return c, nil
}

// factor turns a difference of logarithms back.
func (r *Changed) factor(worse float64) float64 {
	if r.Better == More {
		return math.Exp(-worse)
	}
	return math.Exp(worse)
}

func (r *Changed) changed() string {
	switch i := r.Interval; {
	case i == nil:
		return Unsure
	case i.above(1) && r.Better == Less, i.below(1) && r.Better == More:
		return Worse
	case i.above(1), i.below(1):
		return Better
	}
	return Noise
}
