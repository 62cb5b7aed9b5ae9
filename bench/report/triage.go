package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// TriageHead is the head of the table of TriageRows.
var TriageHead = []string{"isolation", "named", "after", "commands", "victims found", "named in vain", "other findings"}

// TriageRows is what an operator's tool said in each row: nil where none watched.
func (d *Document) TriageRows() (rows [][]string) {
	for _, r := range d.Result.Rows {
		var all []measure.Triage
		for _, t := range d.Result.Triage {
			if t.Subject == r.Subject && t.Kind == d.Run.Drill && t.Kind != measure.Null && !t.Skipped {
				all = append(all, t)
			}
		}
		if len(all) > 0 {
			rows = append(rows, triageRow(r.Subject, all))
		}
	}
	return rows
}

func triageRow(subject string, all []measure.Triage) []string {
	named, quiet, hit, found, vain, beside := 0, 0, 0, 0, 0, 0
	var after []time.Duration
	var commands []int
	for _, t := range all {
		beside += t.Beside()
		switch {
		case t.Named:
			named++
			after, commands = append(after, t.After), append(commands, t.Commands)
			hit, found, vain = hit+len(t.Hit), found+t.Found, vain+len(t.Victims)-t.Found
		case t.Quiet():
			quiet++
		}
	}
	row := []string{subject, fmt.Sprintf("%d of %d", named, len(all)-quiet), "-", "-", "-", "-", fmt.Sprint(beside)}
	if !all[0].Scored && !measure.IsOperation(all[0].Kind) {
		row[1] = "not scored" // nobody has said what would be right
	}
	if quiet > 0 {
		row[1] += fmt.Sprintf(" (%d times nobody was hit and nothing was said)", quiet)
	}
	if named > 0 {
		slices.Sort(after)
		row[2] = fmt.Sprintf("%.1f s", after[0].Seconds())
		if last := after[len(after)-1]; last != after[0] {
			row[2] = fmt.Sprintf("%.1f..%.1f s", after[0].Seconds(), last.Seconds())
		}
		row[3] = fmt.Sprint(slices.Min(commands))
		if most := slices.Max(commands); most != slices.Min(commands) {
			row[3] += fmt.Sprintf("..%d", most)
		}
		row[4], row[5] = fmt.Sprintf("%d of %d", found, hit), fmt.Sprint(vain)
	}
	return row
}

// FalseAlarms says what was said where nothing was wrong.
func (d *Document) FalseAlarms() string {
	nulls, alarms := 0, 0
	var said []string
	for _, t := range d.Result.Triage {
		if t.Kind != measure.Null {
			continue
		}
		nulls++
		if len(t.Said) > 0 {
			alarms++
		}
		for _, s := range t.Said {
			said = append(said, fmt.Sprintf("%s: %s: %s", t.Subject, s.Path, s.Class))
		}
	}
	text := fmt.Sprintf("%d of %s", alarms, count(nulls, "null segment"))
	if len(said) > 0 {
		text += " (" + strings.Join(said, "; ") + ")"
	}
	return text
}

// TriageText is the section of the table about it; empty where nobody watched.
func (d *Document) TriageText() string { return strings.Join(d.triage(), "\n") }

// triage is the section of the table.
func (d *Document) triage() []string {
	if len(d.Result.Triage) == 0 {
		return nil
	}
	lines := []string{"triage (what an operator's tool said, from the admin sockets alone, asked each second)"}
	if rows := d.TriageRows(); len(rows) > 0 {
		var b strings.Builder
		align(&b, append([][]string{TriageHead}, rows...))
		for line := range strings.Lines(b.String()) {
			lines = append(lines, "  "+strings.TrimRight(line, "\n"))
		}
		for _, t := range d.Result.Triage {
			if t.Kind == d.Run.Drill && t.Kind != measure.Null && !t.Skipped && len(t.Said) > 0 {
				lines = append(lines, wrap("  "+t.Subject+": ", saidText(t.Said))...)
			}
		}
	}
	return append(lines, wrap("  false alarms: ", d.FalseAlarms())...)
}

func saidText(all []measure.Said) string {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b measure.Said) int { return cmp.Compare(a.First, b.First) })
	var said []string
	for _, s := range all {
		mark := ""
		if s.Right {
			mark = ", right"
		}
		said = append(said, fmt.Sprintf("%s: %s (%+.1f s%s)", s.Path, s.Class, s.First.Seconds(), mark))
	}
	return strings.Join(said, "; ")
}
