package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// sharing orders isolations by how many share a process.
var sharing = []string{"sidecar", "workload", "service-account", "namespace", "shared"}

// answer is the question's, in two sentences: what the placement that shares most needs
// beside those that share less, and how far faults reached in each. Sharing is one thing and
// the cheapest is another: on a small machine a sidecar may need the least. Of several transports one is
// spoken of: what another costs is not what sharing costs.
func answer(m *report.Matrix) string {
	shared := mostShared(m)
	if shared < 0 {
		return ""
	}
	var needs, hit []string
	for i, subject := range m.Subjects {
		c, s, most := costOf(m, i), subjectOf(m, i), subjectOf(m, shared)
		if d := degree(s); d < 0 || d == degree(most) || s.Transport != most.Transport || !c.measured {
			continue
		}
		needs = append(needs, fmt.Sprintf("%s %.0f", subject, c.mib))
		hit = append(hit, reached(m, i)+" with "+subject)
	}
	if len(needs) == 0 {
		return ""
	}
	of := "Bystander flows hit"
	if len(m.Lines) > 1 {
		of = "Drills that hit bystanders"
	}
	name := m.Subjects[shared]
	return fmt.Sprintf("%s needs %.0f MiB, %s. %s: %s with %s, %s.",
		name, costOf(m, shared).mib, strings.Join(needs, ", "), of, reached(m, shared), name, strings.Join(hit, ", "))
}

// reached is the bystander flows that one drill hit, or how many of several hit any.
func reached(m *report.Matrix, subject int) string {
	t := tallyOf(m, subject)
	switch {
	case t.struck == 0:
		return "none tried"
	case len(m.Lines) == 1:
		return m.Lines[0].Cells[subject].Bystanders.String()
	}
	return fmt.Sprintf("%d of %d", t.struck-t.contained, t.struck)
}

// mostShared is the subject with the most workloads in a process; of several the one with
// most defences, which is the fairest to sharing. -1: none was measured.
func mostShared(m *report.Matrix) (best int) {
	best = -1
	rank := func(i int) [3]int {
		s := subjectOf(m, i)
		return [3]int{degree(s), is(s.Custody == "anchor"), is(s.Budgets != measure.BudgetsOff)}
	}
	for i := range m.Subjects {
		if degree(subjectOf(m, i)) < 0 || !costOf(m, i).measured {
			continue
		}
		a, b := rank(i), [3]int{-1}
		if best >= 0 {
			b = rank(best)
		}
		if slices.Compare(a[:], b[:]) > 0 {
			best = i
		}
	}
	return best
}

func is(b bool) int {
	if b {
		return 1
	}
	return 0
}

// degree is the place in sharing, -1 where there is no data plane.
func degree(s *measure.Subject) int { return slices.Index(sharing, s.Isolation) }

// subjectOf is what the records say of a subject of the matrix.
func subjectOf(m *report.Matrix, subject int) *measure.Subject {
	for _, line := range m.Lines {
		for i := range line.Doc.Run.Subjects {
			if s := &line.Doc.Run.Subjects[i]; s.Name == m.Subjects[subject] {
				return s
			}
		}
	}
	return &measure.Subject{}
}
