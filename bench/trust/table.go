package trust

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// grid is a table: the first two rows are its headings.
type grid [][]string

// exposure is the table of processes: of each subject the one that serves the culprit (of
// a single subject all that serve somebody), then all keepers and all anchors as one row
// each.
func (res *Result) exposure() grid {
	g := grid{
		{"", "", "keys", "pods", "SVIDs it", "netns in", "plaintext", "", "", "system"},
		{"isolation", "process", "found", "exposed", "can get", "reach", "flows", "uid", "capabilities", "calls"},
	}
	for _, row := range res.Rows {
		switch {
		case len(row.Pods) == 0:
		case len(res.Record.Subjects) == 1:
			g = append(g, res.cells(row.Subject, row.Process, []Row{row}))
		case slices.Contains(row.Pods, res.Record.Culprit):
			g = append(g, res.cells(row.Subject, row.Role, []Row{row}))
		}
	}
	for _, role := range []string{RoleKeeper, RoleAnchor} {
		if rows := res.role(role); len(rows) > 0 {
			g = append(g, res.cells("on a node", "every "+role, rows))
		}
	}
	return g
}

func (res *Result) role(role string) (rows []Row) {
	for _, row := range res.Rows {
		if row.Role == role {
			rows = append(rows, row)
		}
	}
	return rows
}

// cells shows one or more processes as one row; numbers that differ as a range.
func (res *Result) cells(subject, process string, rows []Row) []string {
	number := func(of func(Row) int) string {
		var all []int
		for _, row := range rows {
			all = append(all, of(row))
		}
		return between(slices.Min(all), slices.Max(all))
	}
	words := func(of func(Row) string) string {
		var all []string
		for _, row := range rows {
			all = append(all, of(row))
		}
		slices.Sort(all)
		return strings.Join(slices.Compact(all), " or ")
	}
	return []string{
		subject, process,
		number(func(r Row) int { return r.Keys }),
		number(func(r Row) int { return len(r.Exposed) }),
		number(func(r Row) int { return len(r.Signable) }),
		number(func(r Row) int { return len(r.Netns) }),
		number(func(r Row) int { return r.Plaintext }) + " of " + count(len(res.Record.Flows)),
		words(func(r Row) string { return r.Powers.user(res.Record.Host) }),
		words(func(r Row) string { return r.Powers.capabilities() }),
		words(func(r Row) string { return r.Powers.calls() }),
	}
}

func between(lo, hi int) string {
	if lo != hi {
		return fmt.Sprintf("%d..%d", lo, hi)
	}
	return count(lo)
}

func count(n int) string { return strconv.Itoa(n) }

// user is the uid; an ordinary user's lab has only one.
func (p Powers) user(h Host) string {
	if !h.Privileged {
		return "not enforceable here"
	}
	return count(p.UID)
}

func (p Powers) capabilities() string {
	switch n := len(p.Capabilities); {
	case n == 0:
		return "none"
	case n > 4:
		return count(n)
	}
	return strings.Join(p.Capabilities, ",")
}

func (p Powers) calls() string {
	switch {
	case !p.Filtered:
		return "all"
	case p.Calls == 0:
		return "all but raw"
	}
	return count(p.Calls)
}

// timeLeft is the keys found, by the time until they are worth nothing.
func (res *Result) timeLeft() grid {
	g := grid{append([]string{"keys by time left"}, leftClasses...)}
	for _, row := range res.Rows {
		if !slices.Contains(row.Pods, res.Record.Culprit) {
			continue
		}
		cells := []string{row.Subject}
		for _, class := range leftClasses {
			cells = append(cells, count(row.TimeLeft[class]))
		}
		g = append(g, cells)
	}
	return g
}

// tried is the outcome of each kind of attempt on one side of the group, by subject.
func (res *Result) tried(by, heading string, inside bool) grid {
	r := res.Record
	head := []string{heading}
	for _, s := range r.Subjects {
		head = append(head, s.Name)
	}
	g := grid{head}
	for _, kind := range r.Kinds(by) {
		cells, tried := []string{kind}, 0
		for i := range r.Subjects {
			t := r.Tally(&r.Subjects[i], by, kind, inside)
			cells = append(cells, t.String())
			tried += t.Tried
		}
		if tried > 0 {
			g = append(g, cells)
		}
	}
	if len(g) == 1 {
		return nil
	}
	return append(g, res.totals(by, "succeeded, of all", inside))
}

// totals is "succeeded of tried".
func (res *Result) totals(by, heading string, inside bool) []string {
	cells := []string{heading}
	for i := range res.Record.Subjects {
		s := &res.Record.Subjects[i]
		tried, succeeded := 0, 0
		for _, a := range s.Attempts {
			if a.By == by && res.Record.Inside(s, a) == inside {
				tried++
				if a.Outcome == Succeeded {
					succeeded++
				}
			}
		}
		cells = append(cells, fmt.Sprintf("%d of %d", succeeded, tried))
	}
	return cells
}
