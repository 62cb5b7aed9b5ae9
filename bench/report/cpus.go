package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// cpus says how full the machine was where bystanders were hit: nil where nobody read it, or nobody was hit.
func (d *Document) cpus() (lines []string) {
	rows := [][]string{{"isolation", "busy before", "after", "somebody waited", "bad bins of bystanders", "late while full"}}
	short := false
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		bad, full := 0, 0
		var before, after, waiting []float64
		for _, o := range struck(d.outcomes(row)) {
			if o.CPUs == nil {
				continue
			}
			bad, full = bad+o.CPUs.Bad, full+o.CPUs.BadFull
			before, after, waiting = append(before, o.CPUs.Before), append(after, o.CPUs.After), append(waiting, o.CPUs.Waiting)
		}
		if bad > 0 {
			rows = append(rows, []string{row.Subject, percents(before), percents(after), percents(waiting), fmt.Sprint(bad), fmt.Sprint(full)})
			short = short || d.short(row)
		}
	}
	if len(rows) == 1 {
		return nil
	}
	lines = append(lines, fmt.Sprintf("CPUs of the machine, which load and all nodes share (full: %.0f %% busy and more)", 100*measure.Full))
	var b strings.Builder
	align(&b, rows)
	for line := range strings.Lines(b.String()) {
		lines = append(lines, "  "+strings.TrimRight(line, "\n"))
	}
	if short {
		lines = append(lines, wrap("  ", "Where nearly all bad bins lie while the CPUs were full, want of CPU explains them as well as a shared process does: "+
			"this drill cannot tell the two apart here. A smaller load (--new, --long) or more CPUs can.")...)
	}
	return lines
}

// percents is a range.
func percents(all []float64) string {
	low, high := 100*slices.Min(all), 100*slices.Max(all)
	if fmt.Sprintf("%.0f", low) == fmt.Sprintf("%.0f", high) {
		return fmt.Sprintf("%.0f %%", low)
	}
	return fmt.Sprintf("%.0f..%.0f %%", low, high)
}

// short says that the machine had no CPU left in every repeat in which a row's bystanders were hit.
func (d *Document) short(row *measure.Row) bool {
	hit := 0
	for _, o := range struck(d.outcomes(row)) {
		if len(o.Bystanders) == 0 {
			continue
		}
		if !o.CPUs.Short() {
			return false
		}
		hit++
	}
	return hit > 0
}
