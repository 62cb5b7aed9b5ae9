package trust

import (
	"fmt"
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

// attempts wants everything outside to have failed, every control to have succeeded, and
// the culprit to be served again.
func (res *Result) attempts(s *Subject) {
	if s.Damaged != "" {
		res.find("%s: the culprit was not served again after the attack: %s", s.Name, s.Damaged)
	}
	for _, a := range s.Attempts {
		if a.Control && a.Outcome != Succeeded {
			res.find("%s: control failed: %s: %s", s.Name, a.Kind, a.Errno)
		}
	}
	for _, by := range []string{ByCell, ByApplication} {
		for _, kind := range res.Record.Kinds(by) {
			if reached := res.Record.reached(s, by, kind); len(reached) > 0 {
				res.find("%s: the culprit's %s reached %s: %s", s.Name, by, strings.Join(reached, ", "), kind)
			}
		}
	}
}

// reached are the targets outside the group that one kind of attempt reached.
func (r *Record) reached(s *Subject, by, kind string) (targets []string) {
	for _, a := range s.Attempts {
		if a.By == by && a.Kind == kind && a.Outcome == Succeeded && !r.Inside(s, a) && !slices.Contains(targets, a.Target) {
			targets = append(targets, a.Target)
		}
	}
	const most = 3
	if n := len(targets) - most; n > 0 {
		targets = append(targets[:most], fmt.Sprintf("%d more", n))
	}
	return targets
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
	case a.Outcome == Killed, a.Outcome == NotEnforceable:
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

// Kinds are the kinds of attempts by somebody, in the order in which they were tried; not
// every subject has all of them.
func (r *Record) Kinds(by string) (kinds []string) {
	last := -1 // position of the kind before, in the order so far
	for _, s := range r.Subjects {
		for _, a := range s.Attempts {
			if a.By != by {
				continue
			}
			i := slices.Index(kinds, a.Kind)
			if i < 0 {
				i = last + 1
				kinds = slices.Insert(kinds, i, a.Kind)
			}
			last = i
		}
		last = -1
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
