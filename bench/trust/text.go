package trust

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Table is the report for a terminal.
func (res *Result) Table() string {
	var b strings.Builder
	b.WriteString(res.head() + "\n\n")
	for _, g := range res.grids() {
		g.write(&b)
		b.WriteByte('\n')
	}
	for _, line := range res.lines() {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Markdown is the same for a page.
func (res *Result) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", res.head())
	for _, g := range res.grids() {
		g.markdown(&b)
		b.WriteByte('\n')
	}
	for _, line := range res.lines() {
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}

// JSON is the result for programs.
func (res *Result) JSON() ([]byte, error) {
	r := res.Record
	b, err := json.MarshalIndent(struct {
		Schema  string `json:"schema"`
		ID      string `json:"id"`
		Version string `json:"version"`
		Host    Host   `json:"host"`
		Culprit string `json:"culprit"`
		*Result
	}{"bulkhead.trust.report/v1", r.ID, r.Version, r.Host, r.Culprit, res}, "", "  ")
	return append(b, '\n'), err
}

func (res *Result) head() string {
	r := res.Record
	node := ""
	if i := slices.IndexFunc(r.Workloads, func(w Workload) bool { return w.Name == r.Culprit }); i >= 0 {
		node = " on " + r.Workloads[i].Node
	}
	return fmt.Sprintf("trust: what the process that serves %s%s exposes when it is stolen; %d pods, %d flows", r.Culprit, node, len(r.Workloads), len(r.Flows))
}

func (res *Result) grids() (all []grid) {
	for _, g := range []grid{
		res.exposure(), res.timeLeft(),
		res.tried(ByCell, "stolen cell, outside its group", false),
		res.tried(ByCell, "stolen cell, inside its group", true),
		res.tried(ByApplication, "application, outside its pod", false),
		res.tried(ByApplication, "application, inside its pod", true),
	} {
		if len(g) > 1 {
			all = append(all, g)
		}
	}
	return all
}

// lines are what is to be known about the tables.
func (res *Result) lines() []string {
	r := res.Record
	var bytes int64
	tested, processes, keys := 0, 0, 0
	for _, s := range r.Subjects {
		keys = max(keys, len(s.Issued))
		for _, p := range s.Processes {
			processes++
			bytes += p.Scan.Bytes
			tested += p.Scan.Tested
		}
	}
	lines := []string{fmt.Sprintf("memory of %d processes: %.0f MiB, %d scalars tested against %d issued keys", processes, float64(bytes)/(1<<20), tested, keys)}
	if len(res.Findings) == 0 {
		return append(lines, "findings: none")
	}
	for _, f := range res.Findings {
		lines = append(lines, "FINDING: "+f)
	}
	return lines
}

// write aligns columns; the first two of words, numbers right would not line up with
// words that other cells hold.
func (g grid) write(b *strings.Builder) {
	var widths []int
	for _, row := range g {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range g {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// markdown joins the two lines of headings.
func (g grid) markdown(b *strings.Builder) {
	g = g.joined()
	head, rows := g[0], g[1:]
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, row := range rows {
		line(row)
	}
}
