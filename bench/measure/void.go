package measure

import (
	"fmt"
	"slices"
	"time"
)

// voidBins are the bins of a segment in which a sentinel was late or failed. The
// sentinels share machine and sampler with every flow and are captured by nobody,
// so what they suffer is not the subject's doing.
func voidBins(seg *Segment, flows []strip, late time.Duration) map[int]bool {
	v := map[int]bool{}
	first, end := binOf(seg.T0, seg.TFault), binOf(seg.TEnd-1, seg.TFault)+1
	for _, s := range flows {
		if !s.flow.Sentinel {
			continue
		}
		for i, c := range bins(slices.Concat(s.baseline, s.observed), seg.TFault, int64(late)) {
			if i >= first && i < end && (c.isFailed() || c.late > 0) {
				v[i] = true
			}
		}
	}
	return v
}

// segmentBins counts the bins of a segment, the cut ones at its ends included.
func segmentBins(seg *Segment) int {
	if seg.TEnd == seg.T0 {
		return 0
	}
	return binOf(seg.TEnd-1, seg.TFault) - binOf(seg.T0, seg.TFault) + 1
}

func void(outcomes []Outcome) (v Void) {
	for _, o := range outcomes {
		v.Bins += o.VoidBins
		v.Total += o.Bins
		v.Errors += o.VoidErrors
	}
	return v
}

// errors counts what failed or broke outside of void bins, before the fault and after it.
func (o *Outcome) errors() (n int) {
	for _, c := range o.ErrorClasses {
		n += c
	}
	return n
}

// noise is what happened without a fault.
func noise(outcomes []Outcome) (n Noise) {
	for _, o := range outcomes {
		switch o.Kind {
		case Null:
		case Undone: // a finding of its own
			continue
		default:
			n.FaultFree += o.BaselineErrors
			continue
		}
		n.Nulls++
		n.Errors += o.errors()
		n.Void += o.VoidErrors
		n.LateHits = max(n.LateHits, len(o.ByLateness))
		n.LateAlone += o.LateAlone
	}
	return n
}

// invalid lists why the numbers must not be used.
func invalid(run *Run, res *Result) (why []string) {
	if run.Aborted != "" {
		why = append(why, "the run was aborted: "+run.Aborted)
	}
	if run.Lost > 0 {
		why = append(why, fmt.Sprintf("%d records were lost on their way out of the samplers", run.Lost))
	}
	var missing int64
	for _, o := range res.Outcomes {
		missing += o.Missing
	}
	if missing > 0 {
		why = append(why, fmt.Sprintf("%d planned requests have no record", missing))
	}
	why = append(why, skewed(run.Clocks)...)
	if v := res.Void; v.Share() > maxVoid {
		why = append(why, fmt.Sprintf("%d of %d bins are void (%.1f %%, at most %.0f %%): the machine stalled too often", v.Bins, v.Total, 100*v.Share(), 100*maxVoid))
	}
	return why
}
