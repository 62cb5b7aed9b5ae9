package measure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Finding is something that must not be, as far as the record shows. A report lists them
// all; a run without one has none of these, which is not to say that it went well.
type Finding struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Segment int    `json:"segment"`
	Flows   []int  `json:"flows,omitempty"`
	Text    string `json:"text"`
}

// Kinds of findings.
const (
	FindingAdmitted  = "denied flow admitted" // a violation of I2
	FindingViolated  = "check violated"       // something that must never succeed did
	FindingUnclean   = "unclean undo"         // errors after the fault was taken back
	FindingDeviation = "prediction not met"   // other flows were hit than the oracle says
)

// findings lists what each outcome shows, in the order of time.
func findings(run *Run, res *Result) []Finding {
	all := []Finding{}
	for i := range res.Outcomes {
		o := &res.Outcomes[i]
		enforced := run.subject(o.Subject).Isolation != isolationNone
		if n := o.Denied.Admitted; n > 0 && enforced {
			all = append(all, o.finding(FindingAdmitted, nil, fmt.Sprintf("%d of %d connections that a policy denies were admitted", n, o.Denied.Tried)))
		}
		for _, c := range o.Checks {
			if c.Violated > 0 && enforced {
				all = append(all, o.finding(FindingViolated, nil, c.sentence()))
			}
		}
		if n := o.errors(); o.Kind == Undone && n > 0 {
			all = append(all, o.finding(FindingUnclean, o.ErrorFlows, fmt.Sprintf("the undo is not complete: %d errors after it (%s) in %s",
				n, o.classes(), run.flowList(o.ErrorFlows))))
		}
		if o.Kind == run.Drill && o.Kind != Null {
			all = append(all, o.deviating(run, res.Noise.LateHits)...)
		}
	}
	return all
}

// isolationNone has no data plane: nobody enforces anything there.
const isolationNone = "none"

func (o *Outcome) finding(kind string, flows []int, text string) Finding {
	return Finding{Kind: kind, Subject: o.Subject, Segment: o.Segment, Flows: flows, Text: text}
}

func (c Check) sentence() string {
	s := fmt.Sprintf("check %s violated %d of %d times", c.Name, c.Violated, c.Tried)
	if c.Note != "" {
		s += " (" + c.Note + ")"
	}
	return s
}

// deviating is what a prediction got wrong. Hits by lateness alone are a finding only
// where the prediction is exact and they are more than happen without any fault: what the
// kernel shares is measured, not promised (I4).
func (o *Outcome) deviating(run *Run, noise int) (all []Finding) {
	var missed, failed, late []int
	for _, d := range o.Deviations {
		switch {
		case d.Predicted:
			missed = append(missed, d.Flow)
		case slices.Contains(o.ByLateness, d.Flow):
			late = append(late, d.Flow)
		default:
			failed = append(failed, d.Flow)
		}
	}
	if o.Exact() && len(late) > noise {
		failed = slices.Sorted(slices.Values(append(failed, late...)))
	}
	if len(failed) > 0 {
		said := "hit, not predicted: " + run.flowList(failed)
		if o.CPUs.Short() {
			said += fmt.Sprintf("; %d of %d bad bins of bystanders are late ones, and the CPUs were full", o.CPUs.BadFull, o.CPUs.Bad)
		}
		all = append(all, o.finding(FindingDeviation, failed, said))
	}
	if len(missed) > 0 {
		all = append(all, o.finding(FindingDeviation, missed, "predicted, not hit: "+run.flowList(missed)))
	}
	return all
}

// Exact reports whether the prediction leaves nothing open: it says of each flow whether
// the fault hits it.
func (o *Outcome) Exact() bool { return len(o.May) == 0 && o.Skipped == "" }

// classes are what failed in a segment without a fault.
func (o *Outcome) classes() string {
	var said []string
	for _, class := range slices.Sorted(maps.Keys(o.ErrorClasses)) {
		said = append(said, fmt.Sprintf("%d %s", o.ErrorClasses[class], class))
	}
	return strings.Join(said, ", ")
}

// named is how many flows a finding names: its Flows has them all.
const named = 4

// flowList names flows, such as "flow 3 new a/x -> c/z, and 2 more".
func (r *Run) flowList(ids []int) string {
	var said []string
	for _, id := range ids[:min(len(ids), named)] {
		f := r.flow(id)
		said = append(said, fmt.Sprintf("flow %d %s %s -> %s", id, f.Kind, f.Client, f.Server))
	}
	if more := len(ids) - named; more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, ", ")
}
