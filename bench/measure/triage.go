package measure

import (
	"slices"
	"time"
)

// NamedWithin is how long after the fault the right finding may come.
const NamedWithin = 15 * time.Second

// Triage is what an operator's tool made of one segment, against what the record shows.
type Triage struct {
	Segment int    `json:"segment"`
	Subject string `json:"subject"`
	Kind    string `json:"kind"`
	Repeat  int    `json:"repeat"`
	Skipped bool   `json:"skipped,omitempty"` // no fault struck: there is nothing to name
	Scored  bool   `json:"scored"`            // it is known what would be right
	Looks   int    `json:"looks"`             // how often the sockets were asked
	Took    int64  `json:"took"`              // the median of asking and diagnosing, nanoseconds

	Named bool          `json:"named"` // the right path and class, within NamedWithin of the fault
	After time.Duration `json:"after"` // of the fault, ditto
	Said  []Said        `json:"said"`  // everything, in the order in which it was said first
	// Commands are those that an operator types until the right thing is named: triage itself, and
	// what each wrong finding before it, or above it in the same look, proposes to type. 0: it never was.
	Commands int `json:"commands,omitempty"`

	Hit     []string `json:"hit"`     // workloads at an end of a hit flow: the truth
	Victims []string `json:"victims"` // those that the right findings name
	Found   int      `json:"found"`   // of Hit, those among Victims
}

// Said is one finding over a segment.
type Said struct {
	Path  string        `json:"path"`
	Class string        `json:"class"`
	Right bool          `json:"right"`
	First time.Duration `json:"first"` // after the fault
}

// Beside is how many findings named something else.
func (t *Triage) Beside() (n int) {
	for _, s := range t.Said {
		if !s.Right {
			n++
		}
	}
	return n
}

// Quiet says that nobody was hit and nothing was said: there is nothing to score.
func (t *Triage) Quiet() bool { return len(t.Hit) == 0 && len(t.Said) == 0 }

// JudgeTriage judges looks: one Triage for each segment in which there was one.
func JudgeTriage(run *Run, res *Result, looks []Look) (all []Triage) {
	for i := range res.Outcomes {
		o := &res.Outcomes[i]
		seg := &run.Segments[o.Segment]
		t := Triage{
			Segment: o.Segment, Subject: o.Subject, Kind: o.Kind, Repeat: o.Repeat, Skipped: o.Skipped != "",
			Scored: o.Kind == run.Drill && truths[run.Drill] != nil, Said: []Said{}, Hit: run.ends(o.Hit), Victims: []string{},
		}
		var took []int64
		for _, l := range looks {
			if l.T >= seg.T0 && l.T < seg.TEnd {
				took = append(took, l.Took)
				t.take(run, l, time.Duration(l.T-seg.TFault))
			}
		}
		if len(took) == 0 {
			continue
		}
		if !t.Named {
			t.Commands = 0
		}
		slices.Sort(took)
		t.Looks, t.Took = len(took), took[len(took)/2]
		slices.Sort(t.Victims)
		t.Victims = slices.Compact(t.Victims)
		for _, w := range t.Hit {
			if slices.Contains(t.Victims, w) {
				t.Found++
			}
		}
		all = append(all, t)
	}
	return all
}

// take adds one look.
func (t *Triage) take(run *Run, l Look, after time.Duration) {
	for _, f := range l.Findings {
		right := t.Kind == run.Drill && run.right(f)
		if right {
			t.Victims = append(t.Victims, f.Victims...)
			if !t.Named && after <= NamedWithin {
				t.Named, t.After = true, max(after, 0)
				t.Commands++
			}
		}
		s := Said{Path: f.Path.String(), Class: string(f.Class), Right: right, First: after}
		if !slices.ContainsFunc(t.Said, func(x Said) bool { return x.Path == s.Path && x.Class == s.Class }) {
			t.Said = append(t.Said, s)
			if !right && !t.Named && f.Proposes() {
				t.Commands++ // it leads astray
			}
		}
	}
}

// ends are the workloads at the ends of flows.
func (r *Run) ends(flows []int) []string {
	all := []string{}
	for _, id := range flows {
		f := r.flow(id)
		all = append(all, f.Client, f.Server)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
