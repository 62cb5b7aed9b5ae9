package cost

import (
	"fmt"
	"strings"
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
