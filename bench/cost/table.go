package cost

import (
	"fmt"
	"strings"
	"time"
)

// column is one number of the tables, under two lines of heading.
type column struct {
	over, head string
	metric     string
	unit       float64 // what the number is divided by
	digits     int
}

const (
	mib    = 1 << 20
	kib    = 1 << 10
	ms     = 1e6
	second = 1e9
)

// tables are those of each size: what stands there, what a request and a start cost,
// what a change costs.
var tables = [][]column{
	{
		{"", "processes", "processes", 1, 0},
		{"", "threads", "threads", 1, 0},
		{"PSS, MiB:", "anchor", "pss_anchor_bytes", mib, 1},
		{"", "keeper", "pss_keeper_bytes", mib, 1},
		{"", "cells", "pss_cells_bytes", mib, 1},
		{"", "all", "pss_bytes", mib, 1},
		{"private:", "anchor", "private_anchor_bytes", mib, 1},
		{"", "keeper", "private_keeper_bytes", mib, 1},
		{"", "cells", "private_cells_bytes", mib, 1},
		{"charged:", "cells", "charged_cells_bytes", mib, 1},
	},
	{
		{"idle CPU", "% of a core", "idle_cpu_percent", 1, 2},
		{"CPU, ms", "per 1,000", "cpu_per_1000_ns", ms, 0},
		{"p50 added,", "reused, ms", "added_p50_reused_ns", ms, 2},
		{"", "new, ms", "added_p50_new_ns", ms, 2},
		{"p99 added,", "reused, ms", "added_p99_reused_ns", ms, 2},
		{"", "new, ms", "added_p99_new_ns", ms, 2},
		{"started, ms:", "first", "first_request_first_ns", ms, 0},
		{"", "replica", "first_request_replica_ns", ms, 0},
		{"node", "ready, s", "node_ready_ns", second, 1},
	},
	{
		{"one change:", "streams", "streams", 1, 0},
		{"read,", "KiB", "read_bytes", kib, 1},
		{"mes-", "sages", "messages", 1, 0},
		{"pushed,", "KiB", "pushed_bytes", kib, 1},
		{"CSRs", "per hour", "csrs_per_hour", 1, 0},
		{"replace all:", "s", "replace_ns", second, 1},
		{"long-lived", "cut", "cut", 1, 0},
		{"within", "1 s", "cut_within_1s", 1, 0},
		{"failed:", "new", "replace_failed_new", 1, 0},
		{"", "reused", "replace_failed_reused", 1, 0},
	},
}

// Table is the whole text.
func (d *Document) Table() string {
	var b strings.Builder
	d.writeHead(&b)
	for _, size := range d.Result.Sizes {
		fmt.Fprintf(&b, "\n%d %s on the node\n", size.Pods, plural(size.Pods, "pod"))
		for i, columns := range tables {
			if i > 0 {
				b.WriteByte('\n')
			}
			align(&b, cells(columns, size.Rows))
		}
	}
	d.writeNotes(&b)
	return b.String()
}

func (d *Document) writeHead(b *strings.Builder) {
	r := d.Run
	fmt.Fprintf(b, "bench isolation: what isolation costs, and what sharing saves; %d %s, seed %d, idle after %v\n",
		r.Repeat, plural(r.Repeat, "round"), r.Seed, time.Duration(r.Settle))
	fmt.Fprintf(b, "%s, %s: %d %s, %.1f GiB, Linux %s\n", r.Version, r.CPU, r.Host.CPUs, plural(r.Host.CPUs, "CPU"), float64(r.Memory)/(1<<30), r.Host.Kernel)
	for _, why := range d.Result.Invalid {
		fmt.Fprintf(b, "INVALID: %s\n", why)
	}
}

func (d *Document) writeNotes(b *strings.Builder) {
	b.WriteString(`
Medians of the rounds; ±: half of the distance between smallest and largest. Added: less that of none in the same round.
Started: from the order to add a pod until one request from it and one to it are answered; first: the only pod of its
service account; replica: one of several. CSRs: counted at the start, scaled from the SVIDs' life.
docs/bench-isolation.md defines each column.
`)
	if busy := d.Result.Busy; busy != nil {
		fmt.Fprintf(b, "Load average of the machine during the loads: %.1f (%.1f to %.1f). What else runs makes latency and CPU worse.\n", busy.Median, busy.Low, busy.High)
	}
	if d.Run.Repeat == 1 {
		b.WriteString("One round says nothing about noise.\n")
	}
	if n := d.Result.Failed; n > 0 {
		fmt.Fprintf(b, "%d %s failed under the undisturbed load.\n", n, plural(n, "request"))
	}
	if !d.Run.Host.Privileged {
		b.WriteString("Charged memory is not to be had here: without root there are no cgroups.\n")
	}
}

func cells(columns []column, rows []Row) [][]string {
	over, head := []string{""}, []string{"isolation"}
	for _, c := range columns {
		over, head = append(over, c.over), append(head, c.head)
	}
	table := [][]string{over, head}
	for _, r := range rows {
		line := []string{r.Isolation}
		for _, c := range columns {
			line = append(line, c.show(r.Numbers[c.metric]))
		}
		table = append(table, line)
	}
	return table
}

// show writes a median, and how far the turns are apart where that shows.
func (c column) show(s *Spread) string {
	if s == nil {
		return "-"
	}
	number := func(x float64) string {
		text := fmt.Sprintf("%.*f", c.digits, x/c.unit)
		if strings.Trim(text, "-0.") == "" {
			text = strings.TrimPrefix(text, "-") // no minus zero
		}
		return text
	}
	text := number(s.Median)
	if apart := number((s.High - s.Low) / 2); apart != number(0) {
		text += "±" + apart
	}
	return text
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
