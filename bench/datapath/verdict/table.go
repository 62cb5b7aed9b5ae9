package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// Table is the text for people: the verdicts, then every subject of every row. It fits 100 columns.
func (d *Document) Table() string {
	r := d.Judge()
	var b strings.Builder
	d.writeHead(&b, r)
	writeVerdicts(&b, r)
	for _, row := range d.rowNames() {
		d.writeRow(&b, r, row)
	}
	d.writeNotes(&b, r)
	return b.String()
}

func (d *Document) writeHead(b *strings.Builder, r *Result) {
	fmt.Fprintf(b, "bench datapath: two proxies of ours, everything on, against pairs of others; %d %s, seed %d\n", d.Rounds, plural(d.Rounds, "round"), d.Seed)
	fmt.Fprintf(b, "%s, %s, %s, %d %s, Linux %s; %s\n", d.Build, d.Go, d.CPU, d.CPUs, plural(d.CPUs, "CPU"), d.Kernel, d.Started.UTC().Format("2006-01-02 15:04 UTC"))
	if d.Placement != "" {
		b.WriteString(d.Placement + "\n")
	}
	for _, why := range r.Invalid {
		b.WriteString(wrapped("INVALID: " + why))
	}
}

// writeRow is every subject of one row: medians, and the least and most of what is judged.
func (d *Document) writeRow(b *strings.Builder, r *Result, row string) {
	metrics := d.metrics(row)
	judged := map[string]bool{}
	for _, j := range r.Rows {
		if j.Name == row {
			judged[j.Metric] = true
		}
	}
	cells := [][]string{{d.title(row)}}
	for _, m := range metrics {
		cells[0] = append(cells[0], heading(m))
	}
	for _, s := range d.Subjects {
		line, any := []string{"  " + s.Name}, false
		for _, m := range metrics {
			i := slices.IndexFunc(r.Spreads, func(x Spread) bool { return x.Row == row && x.Subject == s.Name && x.Metric == m })
			if i < 0 {
				line = append(line, "-")
				continue
			}
			any = true
			line = append(line, r.Spreads[i].text(judged[m]))
		}
		if any {
			cells = append(cells, line)
		}
	}
	if len(cells) > 1 {
		b.WriteByte('\n')
		align(b, cells)
	}
}

// heading is a metric's name; that of a part of the CPU follows its whole, and needs no second one.
func heading(metric string) string {
	if end, is := strings.CutPrefix(metric, CPUPerGiB+"-"); is {
		return end
	}
	return strings.TrimPrefix(metric, CPUPer1000+"-")
}

func (d *Document) title(row string) string {
	for _, r := range d.Rows {
		if r.Name == row {
			return r.Title
		}
	}
	return row
}

func (s Spread) text(whole bool) string {
	if !whole || s.N < 2 {
		return number(s.Median)
	}
	return fmt.Sprintf("%s [%s–%s]", number(s.Median), number(s.Min), number(s.Max))
}

func (d *Document) writeNotes(b *strings.Builder, r *Result) {
	b.WriteString(`
Ratio: the median of ours/peer of each round, with an exact interval by order statistics. pass: all
of the interval meets the mark; miss: none of it does; tie: this run cannot tell. Above: medians of
the rounds [least–most]. splice is two plain relays without TLS, the floor; direct has no proxy. CPU
is that of both proxies, by cgroup: A the client's end, B the server's.
`)
	for _, j := range r.Rows {
		if j.Rounds > 0 && j.Interval == nil {
			fmt.Fprintf(b, "%d %s have no interval of 95 %%: six have.\n", j.Rounds, plural(j.Rounds, "round"))
			break
		}
	}
	if d.End != nil {
		for _, n := range d.End.Notes {
			b.WriteString(wrapped(n))
		}
	}
}
