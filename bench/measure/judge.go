package measure

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// maxVoid is the share of void bins beyond which a run says more about the machine
// than about the subject.
const maxVoid = 0.02

// Judge computes the result of a run from its record, which Validate has passed:
// records to flows and segments; L from the baselines; void bins from the
// sentinels; then each segment by itself, and the rows from the segments. An error
// means that run and records do not belong together. The order of the records
// does not matter.
func Judge(run *Run, records []load.Record) (*Result, error) {
	all, err := sortOut(run, records)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	res := &Result{Outcomes: []Outcome{}, Invalid: []string{}}
	for i := range run.Segments {
		res.P99 = max(res.P99, baselineP99(&run.Segments[i], all[i]))
	}
	res.Late = LateAfter(res.P99)
	for i := range run.Segments {
		res.Outcomes = append(res.Outcomes, judgeSegment(run, i, all[i], res.Late))
	}
	measureUsage(run, res.Outcomes)
	res.Rows, res.Null = rows(run, res.Outcomes)
	res.Noise, res.Void = noise(res.Outcomes), void(res.Outcomes)
	res.Seen = seen(run, res.Outcomes)
	res.Findings = findings(run, res)
	res.Invalid = append(res.Invalid, invalid(run, res)...)
	return res, nil
}

// judgeSegment is the verdict on one segment.
func judgeSegment(run *Run, i int, flows []strip, late time.Duration) Outcome {
	seg := &run.Segments[i]
	v := voidBins(seg, flows, late)
	o := Outcome{
		Segment: i, Subject: seg.Subject, Kind: seg.Kind, Repeat: seg.Repeat,
		BaselineP99: baselineP99(seg, flows), Failures: map[string]int{}, ErrorClasses: map[string]int{},
		VoidBins: len(v), Bins: segmentBins(seg), Checks: seg.Checks, Skipped: seg.Skipped,
	}
	o.Predicted, o.May = predictions(seg, late)
	o.CPUs = cpusOf(run, seg)
	last := -1 << 31
	for j := range flows {
		s := &flows[j]
		o.Missing += max(0, s.missing)
		if s.flow.Denied && !run.leaves(seg, s.flow) {
			o.Denied.add(s)
		}
		if s.flow.judged() {
			last = max(last, o.judgeFlow(run, seg, s, v, late))
		}
	}
	o.Recovery = recovery(run, seg, last)
	o.Victims = victims(run, &o)
	o.Deviations = deviations(run, &o, seg, flows, v, late)
	o.sort()
	return o
}

// judgeFlow adds one flow to the outcome and returns its last bad bin.
func (o *Outcome) judgeFlow(run *Run, seg *Segment, s *strip, v map[int]bool, late time.Duration) (last int) {
	o.count(seg, s, v)
	cells := bins(s.observed, seg.TFault, int64(late))
	if run.isBystander(s.flow) {
		o.BystanderLoad.add(cells, v)
	}
	bad, alone := badBins(cells, v)
	o.LateAlone += alone
	if isDown(cells, v, binOf(seg.TEnd, seg.TFault)) {
		o.Down = append(o.Down, s.flow.ID)
	}
	if !isHit(bad) {
		return -1 << 31
	}
	o.Hit = append(o.Hit, s.flow.ID)
	if run.isBystander(s.flow) {
		o.Bystanders = append(o.Bystanders, s.flow.ID)
		o.CPUs.suffer(run, seg, cells, bad)
	}
	if hitByLateness(cells, bad) {
		o.ByLateness = append(o.ByLateness, s.flow.ID)
	}
	o.ErrorSeconds.add(s.flow.Kind, len(bad))
	return bad[len(bad)-1]
}

// count tallies errors: those of the baseline, those after the fault by class, and
// those in void bins, of either time: the machine's, and nobody's.
func (o *Outcome) count(seg *Segment, s *strip, v map[int]bool) {
	for _, r := range s.baseline {
		if o.blames(seg, r, v) {
			o.BaselineErrors++
		}
	}
	for _, r := range s.observed {
		switch {
		case !o.blames(seg, r, v):
		case r.Seq == load.Break:
			o.Breaks++
		default:
			o.Failures[r.Error]++
		}
	}
}

// blames reports whether a record is an error that counts, and adds it to the classes.
func (o *Outcome) blames(seg *Segment, r load.Record, v map[int]bool) bool {
	switch {
	case r.Error == "":
		return false
	case v[binOf(r.Planned, seg.TFault)]:
		o.VoidErrors++
		return false
	}
	o.ErrorClasses[r.Error]++
	o.ErrorFlows = append(o.ErrorFlows, r.Flow)
	return true
}

func (e *ErrorSeconds) add(kind string, bins int) {
	// Divided once, at the end of a sum of whole bins, tenths would print exactly;
	// added as tenths they would drift. Round away what drifted.
	to := &e.New
	if kind == load.Reused {
		to = &e.Reused
	}
	*to = float64(int(*to*10+0.5)+bins) / 10
}

// predictions resolves what depends on L: a flow that waits must be hit when the
// lateness of what is planned during the absence fills two bins for certain.
func predictions(seg *Segment, late time.Duration) (must, may []int) {
	must = slices.Clone(seg.Predicted)
	if seg.Absence >= int64(late+2*Bin) {
		must = append(must, seg.Waiting...)
	} else {
		may = slices.Clone(seg.Waiting)
	}
	return must, may
}

// recovery is the end of the last bad bin, believed when nothing bad came for
// run.Clean after it.
func recovery(run *Run, seg *Segment, last int) Recovery {
	if last == -1<<31 {
		return Recovery{}
	}
	end := int64(last+1) * int64(Bin)
	return Recovery{Needed: true, Within: seg.TEnd-seg.TFault-end >= run.Clean, After: time.Duration(max(0, end))}
}

func (o *Outcome) sort() {
	for _, ids := range []*[]int{&o.Hit, &o.Predicted, &o.May, &o.Bystanders, &o.ByLateness, &o.Down, &o.ErrorFlows} {
		slices.Sort(*ids)
		*ids = slices.Compact(*ids)
		if *ids == nil {
			*ids = []int{} // JSON: a list, not null
		}
	}
}
