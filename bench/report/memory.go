package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// memory splits each row's memory by the role of the processes.
func (d *Document) memory() []string {
	lines := []string{"memory by role (PSS in MiB, right before the fault)"}
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		if roles := d.roles(row); row.Measured && roles != "" {
			lines = append(lines, wrap(fmt.Sprintf("  %-*s  ", d.labels(), row.Subject), roles)...)
		}
	}
	if len(lines) == 1 {
		return []string{"memory by role: no data plane was measured"}
	}
	return lines
}

// order of roles: who carries bytes first. Others follow by name.
var order = []string{"sidecar", "cell", "keeper", "anchor"}

// roles describes the processes of the row's sample, such as "3 cells 30.1".
func (d *Document) roles(row *measure.Row) string {
	usage := d.Run.Segments[row.Sample].Usage
	if len(usage) < 2 {
		return ""
	}
	number, pss := map[string]int{}, map[string]int64{}
	for _, p := range usage[1].Processes {
		number[p.Role]++
		pss[p.Role] += p.PSS
	}
	roles := slices.Sorted(maps.Keys(number))
	slices.SortStableFunc(roles, func(a, b string) int { return rank(a) - rank(b) })
	var said []string
	for _, role := range roles {
		said = append(said, fmt.Sprintf("%s %.1f", count(number[role], role), mib(pss[role])))
	}
	return strings.Join(said, ", ")
}

func rank(role string) int {
	if i := slices.Index(order, role); i >= 0 {
		return i
	}
	return len(order)
}
