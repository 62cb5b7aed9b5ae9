package verdict

import (
	"fmt"
	"math"
	"slices"
)

// check says what is wrong with a run.
func (r *Run) check() error {
	switch {
	case r.Rounds < 1 || r.Rounds > maxRounds:
		return fmt.Errorf("%d rounds are outside 1 to %d", r.Rounds, maxRounds)
	case len(r.Subjects) == 0 || len(r.Subjects) > maxSubjects:
		return fmt.Errorf("%d subjects are outside 1 to %d", len(r.Subjects), maxSubjects)
	case len(r.Rows) == 0 || len(r.Rows) > maxRows:
		return fmt.Errorf("%d rows are outside 1 to %d", len(r.Rows), maxRows)
	case r.Started.IsZero():
		return fmt.Errorf("it does not say when it started")
	}
	names := map[string]bool{}
	for _, s := range r.Subjects {
		if !plain(s.Name) || names[s.Name] {
			return fmt.Errorf("subject %q: empty, too long, with blanks in it, or named twice", s.Name)
		}
		names[s.Name] = true
	}
	for _, row := range r.Rows {
		if err := row.check(); err != nil {
			return fmt.Errorf("row %s, %s: %w", row.Name, row.Metric, err)
		}
	}
	return nil
}

func (r Row) check() error {
	switch {
	case !plain(r.Name) || !plain(r.Metric) || !plain(r.Subject) || !plain(r.Peer) || len(r.Title) > maxName:
		return fmt.Errorf("a name is empty, too long, or with blanks in it")
	case r.Better != More && r.Better != Less:
		return fmt.Errorf("%q is better: neither %s nor %s", r.Better, More, Less)
	case !(r.Bar > 0) || !(r.Goal > 0) || r.Bar > maxValue || r.Goal > maxValue:
		return fmt.Errorf("bar %v, goal %v: they are ratios above 0", r.Bar, r.Goal)
	}
	return nil
}

// plain is a name that can be a part of a benchmark's.
func plain(name string) bool {
	return name != "" && len(name) <= maxName && !slices.ContainsFunc([]rune(name), func(r rune) bool { return r <= ' ' || r == '=' || r == 0x7f })
}

// check says what is wrong with a sample of a run.
func (s Sample) check(r *Run) error {
	switch {
	case s.Round < 0 || s.Round >= r.Rounds:
		return fmt.Errorf("round %d of %d", s.Round, r.Rounds)
	case !slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Name == s.Row }):
		return fmt.Errorf("row %q was not planned", s.Row)
	case !slices.ContainsFunc(r.Subjects, func(x Subject) bool { return x.Name == s.Subject }):
		return fmt.Errorf("subject %q was not planned", s.Subject)
	case !plain(s.Metric):
		return fmt.Errorf("metric %q", s.Metric)
	case math.IsNaN(s.Value) || math.Abs(s.Value) > maxValue || s.Value != 0 && math.Abs(s.Value) < 1/maxValue:
		return fmt.Errorf("value %v", s.Value)
	}
	return nil
}
