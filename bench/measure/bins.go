package measure

import (
	"maps"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// spanBins is the length of the span in which a flow may be down: 1 s.
const spanBins = 10

// cell is one bin of one flow.
type cell struct {
	requests, failed, late, breaks int
	cut                            int // of failed and breaks: not for want of time, but by somebody
}

func (c cell) isFailed() bool { return c.failed+c.breaks > 0 }

// binOf is the bin of a time, counted from the fault: the bin that begins with the
// fault is 0, so that no bin mixes before and after.
func binOf(t, fault int64) int {
	d := t - fault
	if d < 0 {
		return int((d - int64(Bin) + 1) / int64(Bin))
	}
	return int(d / int64(Bin))
}

// bins sorts records into cells, late by the limit l.
func bins(records []load.Record, fault, l int64) map[int]cell {
	cells := map[int]cell{}
	for _, r := range records {
		i := binOf(r.Planned, fault)
		c := cells[i]
		if r.Error != "" && r.Error != load.Timeout {
			c.cut++
		}
		switch {
		case r.Seq == load.Break:
			c.breaks++
		case r.Error != "":
			c.requests++
			c.failed++
		default:
			c.requests++
			if int64(latency(r)) > l {
				c.late++
			}
		}
		cells[i] = c
	}
	return cells
}

// badBins are the disturbed bins of a flow, ascending: failed ones, and late ones
// that stand beside another disturbed one. The second result counts the late bins
// that stand alone: noise.
func badBins(cells map[int]cell, void map[int]bool) (bad []int, alone int) {
	var disturbed []int
	for _, i := range slices.Sorted(maps.Keys(cells)) {
		if c := cells[i]; !void[i] && (c.isFailed() || c.late > 0) {
			disturbed = append(disturbed, i)
		}
	}
	for len(disturbed) > 0 {
		n, failed := 1, cells[disturbed[0]].isFailed()
		for n < len(disturbed) && disturbed[n] == disturbed[n-1]+1 {
			failed = failed || cells[disturbed[n]].isFailed()
			n++
		}
		if failed || n > 1 {
			bad = append(bad, disturbed[:n]...)
		} else {
			alone++
		}
		disturbed = disturbed[n:]
	}
	return bad, alone
}

// isHit: a failure, or two late bins in a row. The bins are badBins' first result:
// no failure in them means that they are late in runs of two and more.
func isHit(bad []int) bool { return len(bad) > 0 }

// hitByLateness says whether nothing but lateness made it a hit.
func hitByLateness(cells map[int]cell, bad []int) bool {
	return len(bad) > 0 && !slices.ContainsFunc(bad, func(i int) bool { return cells[i].isFailed() })
}

// isDown: fewer than half of the requests planned in some span of 1 s, between the
// fault and the end of the observation, succeeded. A late answer is a success here.
func isDown(cells map[int]cell, void map[int]bool, observed int) bool {
	for first := 0; first+spanBins <= observed; first++ {
		var requests, failed int
		for i := first; i < first+spanBins; i++ {
			if !void[i] {
				requests += cells[i].requests
				failed += cells[i].failed
			}
		}
		if 2*failed > requests {
			return true
		}
	}
	return false
}
