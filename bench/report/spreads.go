package report

import (
	"fmt"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// spreads shows, for several repeats, how far each figure can be relied on. Of one that
// was the same each time the table says all.
func (d *Document) spreads() (lines []string) {
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		var said []string
		for _, s := range row.Spreads {
			if s.Interval() && s.Min != s.Max {
				said = append(said, spread(s))
			}
		}
		if len(said) > 0 {
			lines = append(lines, wrap(fmt.Sprintf("  %-*s  ", d.labels(), row.Subject), strings.Join(said, "; "))...)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"what differed between repeats: median (min..max; 95 % bootstrap interval of the median)"}, lines...)
}

// spread is one figure.
func spread(s measure.Spread) string {
	unit := ""
	if s.Unit != "" {
		unit = " " + s.Unit
	}
	return fmt.Sprintf("%s %.4g%s (%.4g..%.4g; %.4g to %.4g)", s.Figure, s.Median, unit, s.Min, s.Max, s.Low, s.Up)
}
