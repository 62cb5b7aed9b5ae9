package report

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Findings are what must never be, as sentences: a denied connection that was admitted, a
// check that was violated, a segment after an undo that is not clean, a prediction that
// was not met. None: an empty list.
func (d *Document) Findings() []string {
	found := []string{}
	for _, f := range d.Result.Findings {
		found = append(found, segment(&d.Result.Outcomes[f.Segment])+": "+f.Text)
	}
	return found
}

// findings lists them. That there is none is said with what it is worth, row by row,
// further down.
func (d *Document) findings() []string {
	all := d.Findings()
	if len(all) == 0 {
		return nil
	}
	lines := []string{count(len(all), "finding")}
	for _, f := range all {
		lines = append(lines, wrap("  - ", f)...)
	}
	return lines
}

// segment names one with its kind, unlike where: a finding may stand in any of them.
func segment(o *measure.Outcome) string {
	name := o.Subject + ", " + o.Kind
	if o.Repeat > 0 {
		name += fmt.Sprintf(", repeat %d", o.Repeat+1)
	}
	return name
}

// skipped says where the fault did not strike, and why.
func (d *Document) skipped() (lines []string) {
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		for _, o := range d.outcomes(row) {
			if o.Skipped != "" {
				lines = append(lines, wrap(fmt.Sprintf("  %-*s  ", d.labels(), row.Subject), o.Skipped)...)
				break
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"not enforceable here: the fault did not strike"}, lines...)
}

// checks says what became of what was tried besides the flows and must never succeed.
func (d *Document) checks() (lines []string) {
	for _, s := range d.Result.Seen {
		switch s.What {
		case measure.SeenNull, measure.SeenUndone, measure.SeenBystanders, measure.SeenDenied:
			continue
		}
		lines = append(lines, wrap(fmt.Sprintf("  %-*s  ", d.labels(), s.Subject), fmt.Sprintf("%s: %s%s", s.What, s, d.enforced(s)))...)
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"what must never succeed, tried besides the flows"}, lines...)
}
