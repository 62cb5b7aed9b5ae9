package measure

import (
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// strip is what one flow did during one segment, in no particular order.
type strip struct {
	flow     *Flow
	baseline []load.Record // planned before the fault and over before it
	observed []load.Record // the rest: what was under way when the fault struck belongs to it
	missing  int64         // planned requests without a record
}

// strips are the flows of each segment, by the position of both in the run.
type strips [][]strip

// sortOut gives each record its place. Records between segments are nobody's: the
// load runs on while the drill settles. A record that the run does not explain
// makes the whole record worthless, so it is an error and not a note.
func sortOut(run *Run, records []load.Record) (strips, error) {
	all := make(strips, len(run.Segments))
	for i := range all {
		all[i] = make([]strip, len(run.Flows))
		for j := range run.Flows {
			all[i][j].flow = &run.Flows[j]
		}
	}
	position := make(map[int]int, len(run.Flows))
	for j, f := range run.Flows {
		position[f.ID] = j
	}
	for _, r := range records {
		j, known := position[r.Flow]
		if !known {
			return nil, fmt.Errorf("a record of flow %d, which the run does not have", r.Flow)
		}
		i := segmentAt(run.Segments, r.Planned)
		if i < 0 {
			continue
		}
		if err := all[i][j].add(&run.Segments[i], r); err != nil {
			return nil, err
		}
	}
	return all, all.count(run)
}

// segmentAt is the segment that a planned time belongs to, or -1.
func segmentAt(segments []Segment, t int64) int {
	// The first segment that ends after t is the only one that can contain it.
	i, _ := slices.BinarySearchFunc(segments, t, func(s Segment, t int64) int {
		if s.TEnd <= t {
			return -1
		}
		return 1
	})
	if i < len(segments) && segments[i].T0 <= t {
		return i
	}
	return -1
}

func (s *strip) add(seg *Segment, r load.Record) error {
	if r.Seq != load.Break && r.Planned != seg.Start+s.flow.Offset+int64(r.Seq)*s.flow.Period {
		return fmt.Errorf("flow %d: request %d is off the plan", r.Flow, r.Seq)
	}
	if r.Done < seg.TFault {
		s.baseline = append(s.baseline, r)
	} else {
		s.observed = append(s.observed, r)
	}
	return nil
}

// count finds what is missing and what is there twice.
func (all strips) count(run *Run) error {
	for i := range all {
		for j := range all[i] {
			s := &all[i][j]
			seen := map[int]bool{}
			for _, r := range slices.Concat(s.baseline, s.observed) {
				if r.Seq != load.Break && seen[r.Seq] {
					return fmt.Errorf("flow %d: request %d has two records", r.Flow, r.Seq)
				}
				if r.Seq != load.Break {
					seen[r.Seq] = true
				}
			}
			s.missing = planned(s.flow, &run.Segments[i]) - int64(len(seen))
		}
	}
	return nil
}

// planned counts the requests that a flow's plan has in a segment.
func planned(f *Flow, seg *Segment) int64 {
	return plannedIn(f, seg.Start, seg.T0, seg.TEnd)
}

// plannedIn counts the requests planned in [from, to).
func plannedIn(f *Flow, start, from, to int64) int64 {
	first := start + f.Offset
	before := func(t int64) int64 { // requests planned before t
		if t <= first {
			return 0
		}
		return (t - first + f.Period - 1) / f.Period
	}
	return max(0, before(to)-before(from))
}
