package trust

import (
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// Validate says what is wrong with a record, nil when nothing is. One that passes can be
// judged.
func (r *Record) Validate() error {
	if r.Schema != Schema {
		return &document.SchemaError{File: File, Found: r.Schema, Wanted: Schema}
	}
	seen := map[string]bool{}
	for _, w := range r.Workloads {
		if w.Name == "" || seen[w.Name] {
			return fmt.Errorf("workload %q: no name, or given twice", w.Name)
		}
		seen[w.Name] = true
	}
	if !seen[r.Culprit] {
		return fmt.Errorf("culprit %q is no workload", r.Culprit)
	}
	for _, f := range r.Flows {
		if !seen[f.From] || !seen[f.To] {
			return fmt.Errorf("flow from %q to %q: no such workload", f.From, f.To)
		}
	}
	for _, s := range r.Subjects {
		if err := s.validate(seen); err != nil {
			return fmt.Errorf("subject %q: %w", s.Name, err)
		}
	}
	return nil
}

func (s *Subject) validate(workloads map[string]bool) error {
	for _, p := range s.Processes {
		for _, pod := range p.Pods {
			if !workloads[pod] {
				return fmt.Errorf("process %q serves %q, which is no workload", p.Name, pod)
			}
		}
		for _, f := range p.Found {
			if f.Key < 0 || f.Key >= len(s.Issued) {
				return fmt.Errorf("process %q: key %d of %d", p.Name, f.Key, len(s.Issued))
			}
		}
	}
	for _, a := range s.Attempts {
		if !slices.Contains([]string{Refused, Succeeded, Killed, NotEnforceable}, a.Outcome) {
			return fmt.Errorf("attempt %q: outcome %q", a.Kind, a.Outcome)
		}
		if a.By != ByCell && a.By != ByApplication {
			return fmt.Errorf("attempt %q: by %q", a.Kind, a.By)
		}
	}
	return nil
}
