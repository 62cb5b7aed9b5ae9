package verdict

import (
	"fmt"
	"slices"
	"strconv"
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
		fmt.Fprintf(b, "INVALID: %s\n", why)
	}
}

// writeVerdicts is the table of the issue. The ratio and its interval are those of the rounds; the medians are beside.
func writeVerdicts(b *strings.Builder, r *Result) {
	const line = "%-13s %8s %8s %8s %-13s%6s  %-11s %-11s %s\n"
	fmt.Fprintf(b, "\n"+line, "", Splice, "ours", "peer", "", "ratio", "95 %", "bar", "goal")
	title := ""
	for _, j := range r.Rows {
		if j.Title != title {
			title = j.Title
			b.WriteString(title + "\n")
		}
		if j.Rounds == 0 {
			fmt.Fprintf(b, "  %s: not measured against %s\n", j.Metric, j.Peer)
			continue
		}
		interval := "too few"
		if i := j.Interval; i != nil {
			interval = number(i.Low) + "–" + number(i.Up)
		}
		fmt.Fprintf(b, line, "  "+j.Metric, r.floor(j.Row), number(j.Ours), number(j.Theirs), j.Peer, number(j.Ratio), interval,
			j.OnBar+" "+j.mark(j.Bar), j.OnGoal+" "+j.mark(j.Goal))
	}
	b.WriteString(tally(r.Rows))
}

// floor is what splice has, where it was measured.
func (r *Result) floor(row Row) string {
	for _, s := range r.Spreads {
		if s.Row == row.Name && s.Metric == row.Metric && s.Subject == Splice {
			return number(s.Median)
		}
	}
	return "-"
}

// mark is a bar or a goal with its direction.
func (j Judged) mark(x float64) string {
	if j.Better == More {
		return "≥" + strconv.FormatFloat(x, 'g', -1, 64)
	}
	return "≤" + strconv.FormatFloat(x, 'g', -1, 64)
}

// tally counts the verdicts.
func tally(rows []Judged) string {
	var bar, goal [3]int
	unknown := 0
	for _, j := range rows {
		if j.Rounds == 0 {
			unknown++
			continue
		}
		bar[slices.Index([]string{Pass, Tie, Miss}, j.OnBar)]++
		goal[slices.Index([]string{Pass, Tie, Miss}, j.OnGoal)]++
	}
	text := fmt.Sprintf("\nbar: %d pass, %d tie, %d miss; goal: %d pass, %d tie, %d miss", bar[0], bar[1], bar[2], goal[0], goal[1], goal[2])
	if unknown > 0 {
		text += fmt.Sprintf("; %d not measured", unknown)
	}
	return text + "\n"
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
			b.WriteString(n + "\n")
		}
	}
}

// number has three digits that matter.
func number(x float64) string {
	switch abs := max(x, -x); {
	case abs >= 1e6:
		return strconv.FormatFloat(x/1e6, 'f', 2, 64) + "M"
	case abs >= 100 || abs == 0:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case abs >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case abs >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// align writes columns: the first one left, the others right.
func align(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for _, r := range rows {
		line := r[0] + strings.Repeat(" ", widths[0]-len([]rune(r[0])))
		for i, c := range r[1:] {
			line += strings.Repeat(" ", 2+widths[i+1]-len([]rune(c))) + c
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
