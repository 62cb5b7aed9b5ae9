package cost

import (
	"fmt"
	"strings"
	"time"
)

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
