package trust

import (
	"slices"
	"strings"
)

// group is what the thief has anyway: the workloads of the process that it took over; of
// an application, its own pod.
func (r *Record) group(s *Subject, by string) []string {
	if by == ByApplication {
		return []string{r.Culprit}
	}
	if p := r.stolen(s); p != nil {
		return p.Pods
	}
	return []string{r.Culprit}
}

// stolen is the process that serves the culprit.
func (r *Record) stolen(s *Subject) *Process {
	i := slices.IndexFunc(s.Processes, func(p Process) bool { return slices.Contains(p.Pods, r.Culprit) })
	if i < 0 {
		return nil
	}
	return &s.Processes[i]
}

// Inside reports whether what an attempt would reach is the thief's already.
func (r *Record) Inside(s *Subject, a Attempt) bool {
	return a.Target == Self || slices.Contains(r.group(s, a.By), a.Target)
}

// attempts wants everything outside to have failed.
func (res *Result) attempts(s *Subject) {
	for _, a := range s.Attempts {
		if !res.Record.Inside(s, a) && a.Outcome == Succeeded {
			res.find("%s: %s of the culprit: %s reached %s%s", s.Name, a.By, a.Kind, a.Target, in(a.Note))
		}
	}
}

func in(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}

// Tally counts attempts of one kind against one side.
type Tally struct {
	Tried     int
	Succeeded int
	Words     []string // errnos and other words of those that did not, each once
}

func (t *Tally) add(a Attempt) {
	t.Tried++
	word := a.Errno
	switch {
	case a.Outcome == Succeeded:
		t.Succeeded++
		return
	case a.Outcome != Refused:
		word = a.Outcome
	case word == "":
		word = Refused
	}
	if !slices.Contains(t.Words, word) {
		t.Words = append(t.Words, word)
		slices.Sort(t.Words)
	}
}

// String is what a table shows: "EPERM", "2 SUCCEEDED, ESRCH", "-" when nothing was tried.
func (t *Tally) String() string {
	if t == nil || t.Tried == 0 {
		return "-"
	}
	words := slices.Clone(t.Words)
	if t.Succeeded > 0 {
		words = append([]string{count(t.Succeeded) + " SUCCEEDED"}, words...)
	}
	return strings.Join(words, ", ")
}

// Kinds are the kinds of attempts by somebody, in the order in which they were first
// tried.
func (r *Record) Kinds(by string) (kinds []string) {
	for _, s := range r.Subjects {
		for _, a := range s.Attempts {
			if a.By == by && !slices.Contains(kinds, a.Kind) {
				kinds = append(kinds, a.Kind)
			}
		}
	}
	return kinds
}

// Tally counts a subject's attempts of one kind, inside or outside the group.
func (r *Record) Tally(s *Subject, by, kind string, inside bool) *Tally {
	t := &Tally{}
	for _, a := range s.Attempts {
		if a.By == by && a.Kind == kind && r.Inside(s, a) == inside {
			t.add(a)
		}
	}
	return t
}
