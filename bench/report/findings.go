package report

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Findings are what must never be, as sentences: a denied connection that was admitted, a
// check that was violated, a segment after an undo that is not clean. None: an empty list.
func (d *Document) Findings() []string {
	found := []string{}
	for i := range d.Result.Outcomes {
		o := &d.Result.Outcomes[i]
		if n := o.Denied.Admitted; n > 0 && d.enforces(o.Subject) {
			found = append(found, fmt.Sprintf("%s: %d of %d connections that a policy denies were admitted", segment(o), n, o.Denied.Tried))
		}
		for _, c := range o.Checks {
			if c.Violated > 0 {
				found = append(found, fmt.Sprintf("%s: check %s violated %d of %d times%s", segment(o), c.Name, c.Violated, c.Tried, noted(c.Note)))
			}
		}
		if n := failures(o); o.Kind == measure.Undone && n > 0 {
			found = append(found, fmt.Sprintf("%s: the undo is not complete: %s after it", segment(o), count(n, "error")))
		}
	}
	return found
}

// enforces: nobody denies anything where no data plane is.
func (d *Document) enforces(subject string) bool {
	for _, s := range d.Run.Subjects {
		if s.Name == subject {
			return s.Isolation != "none"
		}
	}
	return true
}

// failures are the failed requests and broken connections of a whole segment.
func failures(o *measure.Outcome) int {
	n := o.BaselineErrors + o.Breaks
	for _, c := range o.Failures {
		n += c
	}
	return n
}

// segment names one with its kind, unlike where: a finding may stand in any of them.
func segment(o *measure.Outcome) string {
	name := o.Subject + ", " + o.Kind
	if o.Repeat > 0 {
		name += fmt.Sprintf(", repeat %d", o.Repeat+1)
	}
	return name
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}
