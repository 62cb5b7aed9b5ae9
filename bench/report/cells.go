package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Repeats are never averaged away: whole numbers and recoveries show their range,
// error-seconds their median, and JSON has every single outcome.

// whole shows a count that each outcome has: the number, or the range over repeats.
func whole(outcomes []*measure.Outcome, of func(*measure.Outcome) int) string {
	var all []int
	for _, o := range outcomes {
		all = append(all, of(o))
	}
	return between(slices.Min(all), slices.Max(all))
}

// predicted shows how many flows must be hit, and, where the oracle leaves some
// open, how many may be: "9..18".
func predicted(outcomes []*measure.Outcome) string {
	lo, hi := len(outcomes[0].Predicted), 0
	for _, o := range outcomes {
		lo, hi = min(lo, len(o.Predicted)), max(hi, len(o.Predicted)+len(o.May))
	}
	return between(lo, hi)
}

func between(lo, hi int) string {
	if lo != hi {
		return fmt.Sprintf("%d..%d", lo, hi)
	}
	return fmt.Sprint(lo)
}

// errorSeconds shows medians.
func errorSeconds(outcomes []*measure.Outcome) string {
	var fresh, reused []float64
	for _, o := range outcomes {
		fresh, reused = append(fresh, o.ErrorSeconds.New), append(reused, o.ErrorSeconds.Reused)
	}
	return fmt.Sprintf("%.1f|%.1f", median(fresh), median(reused))
}

// median is the lower one of an even number.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// recovered shows when the last bad bin ended; "not in 8.0 s" when one observation
// was too short to see it.
func (d *Document) recovered(outcomes []*measure.Outcome) string {
	var all []time.Duration
	for _, o := range outcomes {
		if !o.Recovery.Needed {
			continue
		}
		if !o.Recovery.Within {
			seg := d.Run.Segments[o.Segment]
			return fmt.Sprintf("not in %.1f s", time.Duration(seg.TEnd-seg.TFault).Seconds())
		}
		all = append(all, o.Recovery.After)
	}
	if len(all) == 0 {
		return "-"
	}
	lo, hi := slices.Min(all), slices.Max(all)
	if lo != hi {
		return fmt.Sprintf("%.1f..%.1f s", lo.Seconds(), hi.Seconds())
	}
	return fmt.Sprintf("%.1f s", lo.Seconds())
}
