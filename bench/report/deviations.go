package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// deviations lists what differs from the prediction, with the explanation that the
// record has for it, and says how often nothing did.
func (d *Document) deviations() (lines []string) {
	exact, all, open := 0, 0, false
	for i := range d.Result.Outcomes {
		o := &d.Result.Outcomes[i]
		if o.Kind == d.Run.Drill {
			all++
			if len(o.Deviations) == 0 {
				exact++
			}
		}
		for _, dev := range o.Deviations {
			lines = append(lines, wrap("  - ", d.deviation(o, dev))...)
		}
		if len(o.May) > 0 {
			open = true
			lines = append(lines, wrap("  - ", d.may(o))...)
		}
	}
	head := fmt.Sprintf("prediction: hit flows equal the predicted ones in %d of %d", exact, all)
	if open {
		head += ", but for those that may be hit"
	}
	return append([]string{head}, lines...)
}

func (d *Document) deviation(o *measure.Outcome, dev measure.Deviation) string {
	what := "hit, not predicted"
	if dev.Predicted {
		what = "predicted, not hit"
	}
	return fmt.Sprintf("%s: %s: %s: %s", where(o), d.flow(dev.Flow), what, dev.Explanation)
}

// may says what became of flows about which nothing can be predicted.
func (d *Document) may(o *measure.Outcome) string {
	hit := 0
	for _, id := range o.May {
		if slices.Contains(o.Hit, id) {
			hit++
		}
	}
	if d.Run.Segments[o.Segment].Absence == 0 {
		return fmt.Sprintf("%s: %s may be hit or not: an end of theirs is at what was struck; %d of them hit", where(o), count(len(o.May), "flow"), hit)
	}
	return fmt.Sprintf("%s: %s may be hit or not: their connections wait for %v at least, less than L and two bins; %d of them hit",
		where(o), count(len(o.May), "flow"), time.Duration(d.Run.Segments[o.Segment].Absence), hit)
}

// where names a segment.
func where(o *measure.Outcome) string {
	name := o.Subject
	if o.Kind == measure.Null {
		name += " (null)"
	}
	if o.Repeat > 0 {
		name += fmt.Sprintf(", repeat %d", o.Repeat+1)
	}
	return name
}

func (d *Document) flow(id int) string {
	for _, f := range d.Run.Flows {
		if f.ID == id {
			return fmt.Sprintf("flow %d %s %s -> %s", id, f.Kind, f.Client, f.Server)
		}
	}
	return fmt.Sprintf("flow %d", id)
}
