package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// ScoreText is how an operator's tool did over many drills.
func ScoreText(s *measure.Score) string {
	rows := [][]string{{"", "named within 15 s", "median", "longest", "commands needed", "victims found", "named in vain"}}
	for _, g := range append([]measure.Group{s.All()}, s.Groups...) {
		if g.Of > 0 {
			rows = append(rows, groupRow(g))
		}
	}
	var b strings.Builder
	align(&b, rows)
	fmt.Fprintf(&b, "false alarms: in %d of %s", len(s.Nulls.Spoke), count(s.Nulls.Segments, "null segment"))
	if s.Operations.Segments > 0 {
		fmt.Fprintf(&b, ", and in %d of %s in which nothing of the mesh is wrong", len(s.Operations.Spoke), count(s.Operations.Segments, "operation"))
	}
	b.WriteString("\n")
	for _, part := range []struct {
		title string
		all   []measure.Miss
	}{{"missed", s.Misses}, {"false alarm in a null", s.Nulls.Spoke}, {"false alarm in an operation", s.Operations.Spoke}} {
		for _, m := range part.all {
			b.WriteString(strings.Join(wrap("  "+part.title+": ", missText(m)), "\n") + "\n")
		}
	}
	if s.Quiet > 0 {
		fmt.Fprintf(&b, "not counted: %s in which nobody was hit and nothing was said\n", count(s.Quiet, "segment"))
	}
	for _, left := range []struct {
		why    string
		drills []string
	}{{"the record is invalid", s.Invalid}, {"nobody has said what would be right", s.Without}} {
		if len(left.drills) > 0 {
			b.WriteString(strings.Join(wrap("not counted, "+left.why+": ", strings.Join(left.drills, ", ")), "\n") + "\n")
		}
	}
	return b.String()
}

func groupRow(g measure.Group) []string {
	row := []string{g.Name, fmt.Sprintf("%d of %d (%.0f %%)", g.Named, g.Of, 100*float64(g.Named)/float64(g.Of)), "-", "-", "-", fmt.Sprintf("%d of %d", g.Found, g.Hit), fmt.Sprint(g.Vain)}
	if n := len(g.After); n > 0 {
		row[2], row[3] = seconds(g.After[n/2]), seconds(slices.Max(g.After))
	}
	if n := len(g.Commands); n > 0 {
		least, most := g.Commands[0], g.Commands[n-1]
		above, _ := slices.BinarySearch(g.Commands, least+1)
		if row[4] = fmt.Sprintf("%d in %d of %d", least, above, n); most > least {
			row[4] += fmt.Sprintf(", at most %d", most)
		}
	}
	return row
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func missText(m measure.Miss) string {
	text := fmt.Sprintf("%s, %s (%s hit): ", m.Drill, m.Subject, count(len(m.Hit), "workload"))
	if len(m.Said) == 0 {
		return text + "nothing was said"
	}
	return text + saidText(m.Said)
}
