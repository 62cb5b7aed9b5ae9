package condition

import (
	"fmt"
	"math"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// number is what a condition can bound, of one outcome.
type number struct {
	name, unit string
	// everywhere counts null and undone segments as well as those with the fault.
	everywhere bool
	of         func(*measure.Run, *measure.Result, *measure.Outcome) float64
}

var numbers = []number{
	{"bystanders", "bystander flows hit", false, func(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 { return float64(len(o.Bystanders)) }},
	{"hit", "flows hit", false, func(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 { return float64(len(o.Hit)) }},
	{"down", "flows down", false, func(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 { return float64(len(o.Down)) }},
	{"error-seconds", "error-seconds", false, func(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 {
		return o.ErrorSeconds.New + o.ErrorSeconds.Reused
	}},
	{"recovery", "seconds until recovery", false, recovery},
	{"memory", "MiB of memory", false, func(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 { return float64(o.PSS) / (1 << 20) }},
	{"cpu", "CPU ms per 1,000 requests", false, func(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 { return o.CPUPer1k }},
	{"violations", "violations of policy or checks", true, violations},
	{"findings", "findings", true, findings},
}

// recovery is beyond any limit when the observation did not see it.
func recovery(_ *measure.Run, _ *measure.Result, o *measure.Outcome) float64 {
	if o.Recovery.Needed && !o.Recovery.Within {
		return math.Inf(1)
	}
	return o.Recovery.After.Seconds()
}

// violations are those that are findings: where nobody enforces anything there are none.
func violations(run *measure.Run, res *measure.Result, o *measure.Outcome) (n float64) {
	for _, f := range res.Findings {
		switch {
		case f.Segment != o.Segment:
		case f.Kind == measure.FindingAdmitted:
			n += float64(o.Denied.Admitted)
		case f.Kind == measure.FindingViolated:
			n++
		}
	}
	return n
}

func findings(_ *measure.Run, res *measure.Result, o *measure.Outcome) (n float64) {
	for _, f := range res.Findings {
		if f.Segment == o.Segment {
			n++
		}
	}
	return n
}

func known(name string) *number {
	for i := range numbers {
		if numbers[i].name == name {
			return &numbers[i]
		}
	}
	return nil
}

func names() (all []string) {
	for _, n := range numbers {
		all = append(all, n.name)
	}
	return all
}

// Met says in a sentence for each segment how a record meets the condition; none: it does
// not. Worse is about two records, and never met by one.
func (c Condition) Met(run *measure.Run, res *measure.Result) (sentences []string) {
	if c.Name == Invalid {
		for _, why := range res.Invalid {
			sentences = append(sentences, fmt.Sprintf("%s: the record is invalid: %s", run.Drill, why))
		}
		return sentences
	}
	n := known(c.Name)
	if n == nil {
		return nil
	}
	for i := range res.Outcomes {
		o := &res.Outcomes[i]
		if !c.meant(run, o, n.everywhere) {
			continue
		}
		if v := n.of(run, res, o); v > c.Limit {
			sentences = append(sentences, fmt.Sprintf("%s, %s, %s, repeat %d: %s %s, more than %s",
				run.Drill, o.Subject, o.Kind, o.Repeat+1, show(v), n.unit, show(c.Limit)))
		}
	}
	return sentences
}

// meant reports whether a segment counts: one with a fault that struck, or any.
func (c Condition) meant(run *measure.Run, o *measure.Outcome, everywhere bool) bool {
	if !everywhere && (o.Kind != run.Drill || o.Skipped != "") {
		return false
	}
	for _, s := range run.Subjects {
		if s.Name == o.Subject {
			return c.Concerns(s.Name, s.Isolation)
		}
	}
	return false
}

func show(v float64) string {
	if math.IsInf(v, 1) {
		return "more than the observed"
	}
	return fmt.Sprintf("%.4g", v)
}
