package measure

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Grade is how one bin of one flow went.
type Grade byte

// Grades, from nothing to the worst. Late ones and Failed are the bad bins of the judge;
// a late bin that stands alone is noise, and is told apart.
const (
	Unasked Grade = iota // no request was planned
	Served
	Alone // later than L, by itself
	Late  // later than L
	Later
	Latest
	Failed   // a failed request or a broken connection
	Admitted // of a denied flow: an answer, which must never be
)

// Factors of L from which on a late bin is Later, and Latest.
const (
	LaterFactor  = 3
	LatestFactor = 10
)

// Heat is what a segment looked like: a picture of it needs no more. Bin i of it is bin
// First+i, counted from the fault.
type Heat struct {
	First int
	Void  []bool
	Flows [][]Grade // by position in Run.Flows; nil: a sentinel
}

// Heats grades all segments by the limit that the judge has found.
func Heats(run *Run, records []load.Record, late time.Duration) ([]Heat, error) {
	all, err := sortOut(run, records)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	heats := make([]Heat, len(run.Segments))
	for i := range run.Segments {
		heats[i] = heat(&run.Segments[i], all[i], late)
	}
	return heats, nil
}

func heat(seg *Segment, flows []strip, late time.Duration) Heat {
	n := segmentBins(seg)
	h := Heat{First: binOf(seg.T0, seg.TFault), Void: make([]bool, n), Flows: make([][]Grade, len(flows))}
	v := voidBins(seg, flows, late)
	for i := range h.Void {
		h.Void[i] = v[h.First+i]
	}
	for j := range flows {
		s := &flows[j]
		if s.flow.Sentinel {
			continue
		}
		h.Flows[j] = make([]Grade, n)
		// Apart, as the judge has them: a late bin before the fault and one after it are
		// no two in a row.
		for _, records := range [][]load.Record{s.baseline, s.observed} {
			s.grade(h.Flows[j], h.First, records, seg.TFault, late, v)
		}
	}
	return h
}

// grade raises the grades of the bins that the records are planned in.
func (s *strip) grade(to []Grade, first int, records []load.Record, fault int64, late time.Duration, v map[int]bool) {
	cells := bins(records, fault, int64(late))
	bad, _ := badBins(cells, v)
	for _, r := range records {
		i := binOf(r.Planned, fault)
		if at := i - first; at >= 0 && at < len(to) {
			to[at] = max(to[at], s.gradeOf(r, late, slices.Contains(bad, i)))
		}
	}
}

func (s *strip) gradeOf(r load.Record, late time.Duration, bad bool) Grade {
	answered := r.Error == "" || r.Error == load.Wrong
	took := latency(r)
	switch {
	case s.flow.Denied && answered:
		return Admitted
	case s.flow.Denied:
		return Served
	case r.Error != "":
		return Failed
	case took <= late:
		return Served
	case !bad:
		return Alone
	case took > LatestFactor*late:
		return Latest
	case took > LaterFactor*late:
		return Later
	}
	return Late
}
