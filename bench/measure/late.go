package measure

import (
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// What late means. Schema v1 fixes these numbers: a report prints them and cannot
// choose them.
const (
	Bin        = 100 * time.Millisecond
	LateFloor  = 100 * time.Millisecond
	LateFactor = 3
)

// LateAfter is L for a largest baseline p99.
func LateAfter(p99 time.Duration) time.Duration {
	return max(LateFloor, LateFactor*p99)
}

// P99 is the nearest-rank 99th percentile, zero of nothing. It sorts its argument.
func P99(latencies []time.Duration) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	return latencies[(len(latencies)*99+99)/100-1]
}

// baselineP99 pools the answered requests of all captured flows of a segment.
// Pooled, because a single flow has a few dozen requests in a baseline: its p99
// would be its maximum. Bins in which the machine stalled do not count: a stall
// would raise L for the whole run and hide what L is for.
func baselineP99(seg *Segment, flows []strip) time.Duration {
	stalled := voidBins(seg, flows, LateFloor)
	var pool []time.Duration
	for _, s := range flows {
		if !s.flow.judged() {
			continue
		}
		for _, r := range s.baseline {
			if r.Error == "" && !stalled[binOf(r.Planned, seg.TFault)] {
				pool = append(pool, latency(r))
			}
		}
	}
	return P99(pool)
}

// latency counts from the planned time, so a request that had to wait for its
// turn is as slow as its user found it.
func latency(r load.Record) time.Duration { return time.Duration(r.Done - r.Planned) }
