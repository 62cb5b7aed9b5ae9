package measure

import "fmt"

// Seen is how often something that must not happen could have happened, and did. That it
// was never seen does not mean that it never happens: see Below.
type Seen struct {
	What    string `json:"what"`              // what must not happen
	Subject string `json:"subject,omitempty"` // empty: of the whole run
	Times   int64  `json:"times"`
	Of      int64  `json:"of"`
	Unit    string `json:"unit"` // of what Of counts, in the singular
}

// Below is the share below which its true frequency lies with 95 % confidence when it was
// never seen: the rule of three. 1 means that too few were tried to say anything.
func (s Seen) Below() float64 {
	if s.Times > 0 || s.Of <= 3 {
		return 1
	}
	return 3 / float64(s.Of)
}

// String is "3 of 50 repeats", or "none seen in 50 repeats: below 6 % at 95 %".
func (s Seen) String() string {
	of := fmt.Sprintf("%d %s", s.Of, s.Unit)
	if s.Of != 1 {
		of += "s"
	}
	switch {
	case s.Times > 0:
		return fmt.Sprintf("%d of %s", s.Times, of)
	case s.Below() == 1:
		return fmt.Sprintf("none seen in %s: too few to say more", of)
	}
	return fmt.Sprintf("none seen in %s: below %.2g %% at 95 %%", of, 100*s.Below())
}

// What must not happen.
const (
	SeenNull       = "errors without a fault"
	SeenUndone     = "errors after an undo"
	SeenBystanders = "bystander flows hit"
	SeenDenied     = "denied connections admitted"
)

// seen counts what must not happen: errors in nulls over the run, the rest by subject.
func seen(run *Run, outcomes []Outcome) []Seen {
	null := Seen{What: SeenNull, Unit: "null segment"}
	for i := range outcomes {
		if o := &outcomes[i]; o.Kind == Null {
			null.add(o.errors() > 0)
		}
	}
	all := []Seen{null}
	for _, s := range run.Subjects {
		undone := Seen{What: SeenUndone, Subject: s.Name, Unit: "undone segment"}
		hit := Seen{What: SeenBystanders, Subject: s.Name, Unit: "repeat"}
		denied := Seen{What: SeenDenied, Subject: s.Name, Unit: "attempt"}
		for i := range outcomes {
			o := &outcomes[i]
			if o.Subject != s.Name {
				continue
			}
			denied.Times, denied.Of = denied.Times+int64(o.Denied.Admitted), denied.Of+int64(o.Denied.Tried)
			switch {
			case o.Kind == Undone:
				undone.add(o.errors() > 0)
			case o.Kind == run.Drill && o.Skipped == "":
				hit.add(len(o.Bystanders) > 0)
			}
		}
		all = append(append(all, undone, hit, denied), seenChecks(outcomes, s.Name)...)
	}
	return keep(all, func(s Seen) bool { return s.Of > 0 })
}

// seenChecks adds a subject's checks up, by name.
func seenChecks(outcomes []Outcome, subject string) (all []Seen) {
	for i := range outcomes {
		if outcomes[i].Subject != subject {
			continue
		}
		for _, c := range outcomes[i].Checks {
			s := find(all, func(s Seen) bool { return s.What == c.Name })
			if s == nil {
				all = append(all, Seen{What: c.Name, Subject: subject, Unit: "attempt"})
				s = &all[len(all)-1]
			}
			s.Times, s.Of = s.Times+c.Violated, s.Of+c.Tried
		}
	}
	return all
}

func (s *Seen) add(happened bool) {
	s.Of++
	if happened {
		s.Times++
	}
}

func keep[T any](all []T, is func(T) bool) []T {
	kept := []T{}
	for _, x := range all {
		if is(x) {
			kept = append(kept, x)
		}
	}
	return kept
}
