package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// width is what a table must fit into.
const width = 120

// headings are the columns. Names too long for a column of numbers are written over
// two lines: "bystander flows hit", "error-seconds new|reused", "memory PSS
// (private)".
var headings = [2][]string{
	{"", "", "", "bystander", "", "error-seconds", "", "memory, MiB", ""},
	{"isolation", "flows hit", "predicted", "flows hit", "down", "new|reused", "recovered", "PSS (private)", "CPU/1k"},
}

// Table is the whole text: head, rows, and what is to be known about them.
func (d *Document) Table() string {
	var b strings.Builder
	d.writeHead(&b)
	d.writeRows(&b)
	for _, section := range []func() []string{d.findings, d.skipped, d.spreads, d.bystanders, d.cpus, d.paired, d.denied, d.checks, d.triage, d.deviations, d.memory, d.notes} {
		lines := section()
		if len(lines) > 0 {
			b.WriteByte('\n')
		}
		for _, line := range lines {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// writeHead is one line where it fits, as it usually does not, and two otherwise.
func (d *Document) writeHead(b *strings.Builder) {
	drill, with := "drill: "+describe(d.Run), setting(d.Run)
	if len(drill)+len(with)+6 <= width {
		fmt.Fprintf(b, "%s      %s\n", drill, with)
	} else {
		fmt.Fprintf(b, "%s\n       %s\n", drill, with)
	}
	for _, why := range d.Result.Invalid {
		for _, line := range wrap("INVALID: ", why) {
			b.WriteString(line + "\n")
		}
	}
	b.WriteByte('\n')
}

func (d *Document) writeRows(b *strings.Builder) {
	rows := [][]string{headings[0], headings[1]}
	for i := range d.Result.Rows {
		rows = append(rows, d.cells(&d.Result.Rows[i], d.Result.Rows[i].Subject))
	}
	if n := d.Result.Null; n != nil {
		rows = append(rows, d.cells(n, "null, each"))
	}
	align(b, d.withTransport(rows, len(headings)))
}

// cells is one row of the table.
func (d *Document) cells(row *measure.Row, name string) []string {
	outcomes := struck(d.outcomes(row))
	if len(outcomes) == 0 {
		return []string{name, "skipped", "-", "-", "-", "-", "-", "-", "-"}
	}
	memory, cpu := "-", "-"
	if row.Measured {
		memory = fmt.Sprintf("%.1f (%.1f)", mib(row.PSS), mib(row.Private))
		cpu = fmt.Sprintf("%.0f ms", row.CPUPer1k)
	}
	return []string{
		name,
		whole(outcomes, func(o *measure.Outcome) int { return len(o.Hit) }),
		predicted(outcomes),
		whole(outcomes, func(o *measure.Outcome) int { return len(o.Bystanders) }),
		whole(outcomes, func(o *measure.Outcome) int { return len(o.Down) }),
		errorSeconds(outcomes),
		d.recovered(outcomes),
		memory, cpu,
	}
}

func (d *Document) outcomes(row *measure.Row) (all []*measure.Outcome) {
	for _, i := range row.Outcomes {
		all = append(all, &d.Result.Outcomes[i])
	}
	return all
}

// struck are the outcomes in which there was a fault: what the others show is a null.
func struck(all []*measure.Outcome) []*measure.Outcome {
	return slices.DeleteFunc(all, func(o *measure.Outcome) bool { return o.Skipped != "" })
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// align writes rows in columns: the first one left, numbers right.
func align(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], len(c))
		}
	}
	gap := 3
	if total(widths)+gap*(len(widths)-1) > width {
		gap = 2
	}
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			if i == 0 {
				fmt.Fprintf(&line, "%-*s", widths[i], c)
				continue
			}
			fmt.Fprintf(&line, "%*s%*s", gap, "", widths[i], c)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func total(ns []int) (sum int) {
	for _, n := range ns {
		sum += n
	}
	return sum
}
