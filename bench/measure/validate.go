package measure

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Bounds of a record: they keep a damaged one from costing the reader its memory.
const (
	maxFlows   = 1 << 12
	maxSegment = int64(time.Hour)
	maxTime    = int64(1) << 61 // of a monotonic clock, 73 years: sums stay in 64 bits
)

// Validate says what is wrong with the run, nil when nothing is. A run that passes
// can be judged.
func (r *Run) Validate() error {
	if r.Schema != Schema {
		return &SchemaError{File: RunFile, Found: r.Schema, Wanted: Schema}
	}
	for _, check := range []func() error{r.checkWorkloads, r.checkFlows, r.checkSubjects, r.checkSegments, r.checkClocks} {
		if err := check(); err != nil {
			return fmt.Errorf("%s: %w", RunFile, err)
		}
	}
	return nil
}

func (r *Run) checkWorkloads() error {
	seen := map[string]bool{}
	for _, w := range r.Workloads {
		switch {
		case w.Name == "" || seen[w.Name]:
			return fmt.Errorf("workload %q: no name, or given twice", w.Name)
		case !slices.Contains(r.Nodes, w.Node):
			return fmt.Errorf("workload %s: unknown node %q", w.Name, w.Node)
		}
		seen[w.Name] = true
	}
	switch {
	case !seen[r.Culprit]:
		return fmt.Errorf("culprit %q is no workload", r.Culprit)
	case r.Clean < 0 || r.Clean > maxSegment:
		return fmt.Errorf("clean %d is outside 0..%d", r.Clean, maxSegment)
	case r.Lost < 0:
		return fmt.Errorf("lost %d", r.Lost)
	}
	return nil
}

func (r *Run) checkFlows() error {
	if len(r.Flows) > maxFlows {
		return fmt.Errorf("%d flows, at most %d", len(r.Flows), maxFlows)
	}
	seen := map[int]bool{}
	for _, f := range r.Flows {
		if seen[f.ID] {
			return fmt.Errorf("flow %d: given twice", f.ID)
		}
		seen[f.ID] = true
		if err := r.checkFlow(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) checkFlow(f Flow) error {
	as := load.Flow{ID: f.ID, Kind: f.Kind, Target: f.Target, Period: time.Duration(f.Period), Offset: time.Duration(f.Offset), Timeout: time.Duration(f.Timeout)}
	if err := as.Validate(); err != nil {
		return err
	}
	if f.Denied && (f.Sentinel || f.Kind != load.New) {
		return fmt.Errorf("flow %d: a denied flow is captured and makes new connections", f.ID)
	}
	for _, end := range []string{f.Client, f.Server} {
		if r.workload(end) == nil {
			return fmt.Errorf("flow %d: unknown workload %q", f.ID, end)
		}
	}
	return nil
}

func (r *Run) checkSubjects() error {
	seen := map[string]bool{}
	for _, s := range r.Subjects {
		if s.Name == "" || seen[s.Name] {
			return fmt.Errorf("subject %q: no name, or given twice", s.Name)
		}
		if s.Budgets != "" && s.Budgets != BudgetsOn && s.Budgets != BudgetsOff {
			return fmt.Errorf("subject %q: budgets %q are neither %s nor %s", s.Name, s.Budgets, BudgetsOn, BudgetsOff)
		}
		if s.Transport != "" && s.Transport != TransportQUIC {
			return fmt.Errorf("subject %q: transport %q is not %s", s.Name, s.Transport, TransportQUIC)
		}
		seen[s.Name] = true
	}
	return nil
}

// checkSegments also sees that segments do not overlap: a planned time then
// belongs to one of them at most.
func (r *Run) checkSegments() error {
	var end int64
	for i, s := range r.Segments {
		if err := r.checkSegment(s); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
		if s.T0 < end {
			return fmt.Errorf("segment %d: begins before the one before it ended", i)
		}
		end = s.TEnd
	}
	return nil
}

func (r *Run) checkSegment(s Segment) error {
	switch {
	case r.subject(s.Subject) == nil:
		return fmt.Errorf("unknown subject %q", s.Subject)
	case s.Kind == "":
		return fmt.Errorf("no kind")
	case s.Repeat < 0:
		return fmt.Errorf("repeat %d", s.Repeat)
	case s.Start < 0 || s.Start > s.T0 || s.T0 > s.TFault || s.TFault > s.TEnd || s.TEnd > maxTime:
		return fmt.Errorf("times out of order")
	case s.TEnd-s.T0 > maxSegment:
		return fmt.Errorf("longer than %v", time.Duration(maxSegment))
	case s.Absence < 0 || s.Absence > maxSegment:
		return fmt.Errorf("absence %d is outside 0..%d", s.Absence, maxSegment)
	}
	for _, id := range slices.Concat(s.Predicted, s.Waiting) {
		if f := r.flow(id); f == nil || !f.judged() {
			return fmt.Errorf("prediction about flow %d, which is none, denied or a sentinel", id)
		}
	}
	for _, c := range s.Checks {
		if c.Name == "" || c.Tried < 0 || c.Violated < 0 {
			return fmt.Errorf("check %q: tried %d, violated %d", c.Name, c.Tried, c.Violated)
		}
	}
	if !validMachine(s.Machine) {
		return fmt.Errorf("readings of the machine out of order or out of bounds")
	}
	for _, u := range s.Usage {
		for _, p := range u.Processes {
			if p.PSS < 0 || p.Private < 0 || p.CPU < 0 || max(p.PSS, p.Private, p.CPU) > maxTime/maxFlows {
				return fmt.Errorf("usage of %s out of bounds", p.Name)
			}
		}
	}
	return nil
}

func (r *Run) workload(name string) *Workload {
	return find(r.Workloads, func(w Workload) bool { return w.Name == name })
}

func (r *Run) flow(id int) *Flow {
	return find(r.Flows, func(f Flow) bool { return f.ID == id })
}

func (r *Run) subject(name string) *Subject {
	return find(r.Subjects, func(s Subject) bool { return s.Name == name })
}

func find[T any](all []T, is func(T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return &all[i]
	}
	return nil
}
