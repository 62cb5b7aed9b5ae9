package compare

import (
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Schema names the form of the JSON document.
const Schema = "bulkhead.compare/v1"

// Comparison is what changed from run A to run B.
type Comparison struct {
	Schema   string   `json:"schema"`
	A        string   `json:"a"` // directories
	B        string   `json:"b"`
	Warnings []string `json:"warnings"`
	Drills   []Drill  `json:"drills"`

	// After is the records of B.
	After []Record `json:"-"`
}

// Drill is one drill that both have.
type Drill struct {
	Name     string    `json:"name"`
	Invalid  []string  `json:"invalid"` // why nothing can be told
	Subjects []Subject `json:"subjects"`
}

// Subject is one subject that both have.
type Subject struct {
	Name      string   `json:"name"`
	Isolation string   `json:"isolation"`
	Repeats   [2]int   `json:"repeats"`
	Flows     Flows    `json:"flows"`
	Changes   []Change `json:"changes"` // each figure that both have, changed or not
}

// Of compares the records in two directories. An error may be a *NotComparableError.
func Of(a, b string) (*Comparison, error) {
	before, err := Records(a)
	if err != nil {
		return nil, err
	}
	after, err := Records(b)
	if err != nil {
		return nil, err
	}
	return between(a, b, before, after)
}

// between compares records that are called a and b.
func between(a, b string, before, after []Record) (*Comparison, error) {
	c := &Comparison{Schema: Schema, A: a, B: b, Warnings: []string{}, Drills: []Drill{}, After: after}
	if len(before) == 1 && len(after) == 1 { // whatever their directories are called
		before[0].Name = after[0].Name
	}
	for _, x := range before {
		y := record(after, x.Name)
		if y == nil {
			c.Warnings = append(c.Warnings, x.Name+": only in "+a)
			continue
		}
		if err := c.add(x, *y); err != nil {
			return nil, err
		}
	}
	for _, y := range after {
		if record(before, y.Name) == nil {
			c.Warnings = append(c.Warnings, y.Name+": only in "+b)
		}
	}
	if len(c.Drills) == 0 {
		return nil, &NotComparableError{fmt.Sprintf("%s and %s have no drill in common", a, b)}
	}
	return c, nil
}

func record(all []Record, name string) *Record {
	if i := slices.IndexFunc(all, func(r Record) bool { return r.Name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// add compares one drill.
func (c *Comparison) add(x, y Record) error {
	if err := same(x.Name, x.Run, y.Run); err != nil {
		return err
	}
	c.Warnings = append(c.Warnings, warnings(x.Name, x.Run, y.Run)...)
	d := Drill{Name: x.Name, Invalid: []string{}, Subjects: []Subject{}}
	for i, r := range []Record{x, y} {
		for _, why := range r.Result.Invalid {
			d.Invalid = append(d.Invalid, []string{c.A, c.B}[i]+": "+why)
		}
	}
	for _, row := range x.Result.Rows {
		other := rowOf(y.Result.Rows, row.Subject)
		if other == nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s only in %s", x.Name, row.Subject, c.A))
			continue
		}
		sx, sy := subject(x.Run, row.Subject), subject(y.Run, row.Subject)
		if err := sameSubject(x.Name, sx, sy); err != nil {
			return err
		}
		d.Subjects = append(d.Subjects, compared(sx, outcomes(x, row), outcomes(y, *other), y.Run.Seed, len(d.Invalid) == 0))
	}
	if len(d.Subjects) == 0 {
		return &NotComparableError{fmt.Sprintf("%s: the runs cannot be compared: they have no isolation in common", x.Name)}
	}
	c.Drills = append(c.Drills, d)
	return nil
}

func rowOf(rows []measure.Row, subject string) *measure.Row {
	if i := slices.IndexFunc(rows, func(r measure.Row) bool { return r.Subject == subject }); i >= 0 {
		return &rows[i]
	}
	return nil
}

func subject(r *measure.Run, name string) measure.Subject {
	return r.Subjects[slices.IndexFunc(r.Subjects, func(s measure.Subject) bool { return s.Name == name })]
}

// outcomes are those of a row in which the fault struck.
func outcomes(r Record, row measure.Row) (all []*measure.Outcome) {
	for _, i := range row.Outcomes {
		if o := &r.Result.Outcomes[i]; o.Skipped == "" {
			all = append(all, o)
		}
	}
	return all
}

func compared(s measure.Subject, a, b []*measure.Outcome, seed int64, valid bool) Subject {
	found := Subject{Name: s.Name, Isolation: s.Isolation, Repeats: [2]int{len(a), len(b)}, Flows: flows(a, b, valid), Changes: []Change{}}
	for _, f := range measure.Figures {
		x, y := f.Values(a), f.Values(b)
		if len(x) > 0 && len(y) > 0 {
			found.Changes = append(found.Changes, changed(f, x, y, seed, valid))
		}
	}
	return found
}
