package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// bystanders names the hit bystander workloads of each row, those on the culprit's
// node first: they were struck, the others only talk to them.
func (d *Document) bystanders() []string {
	lines := []string{"hit bystanders (workloads at an end of a hit flow that has neither end at the culprit; * = down)"}
	home := ""
	for _, w := range d.Run.Workloads {
		if w.Name == d.Run.Culprit {
			home = w.Node
		}
	}
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		here, elsewhere := d.victims(row, home)
		label := fmt.Sprintf("  %-*s  ", d.labels(), row.Subject)
		if len(here)+len(elsewhere) == 0 {
			lines = append(lines, wrap(label, d.seen(measure.SeenBystanders, row.Subject))...)
			continue
		}
		lines = append(lines, wrap(label, "on "+home+": "+orNone(here))...)
		lines = append(lines, wrap(strings.Repeat(" ", len(label)), "elsewhere, through those: "+orNone(elsewhere))...)
	}
	return lines
}

// labels is the width of the longest row name.
func (d *Document) labels() (n int) {
	for _, r := range d.Result.Rows {
		n = max(n, len(r.Subject))
	}
	return n
}

// victims are the names over all repeats of a row.
func (d *Document) victims(row *measure.Row, home string) (here, elsewhere []string) {
	node, down := map[string]string{}, map[string]bool{}
	for _, o := range d.outcomes(row) {
		for _, v := range o.Victims {
			node[v.Name] = v.Node
			down[v.Name] = down[v.Name] || v.Down > 0
		}
	}
	for _, name := range slices.Sorted(maps.Keys(node)) {
		to := &elsewhere
		if node[name] == home {
			to = &here
		}
		if down[name] {
			name += "*"
		}
		*to = append(*to, name)
	}
	return here, elsewhere
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
