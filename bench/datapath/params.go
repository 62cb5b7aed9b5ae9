package datapath

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Params is everything that decides what a run does.
type Params struct {
	Rounds    int
	Rows      []string // none: all but those on request
	Subjects  []string // none: all
	Builds    []Build
	Isolation string
	Seed      int64
	For       time.Duration // of each measurement
	Quick     bool          // a few rows, three rounds
	Version   string
}

const (
	// Rounds of a run that says nothing: with nine, the interval of a median that leaves
	// out the two lowest and the two highest ratios holds in 96 of 100 runs.
	Rounds    = 9
	maxRounds = 1000
)

// Complete fills in what was left out.
func (p Params) Complete() Params {
	if p.Quick {
		p.Rounds = 3
	}
	if len(p.Rows) == 0 {
		for _, r := range rows {
			if !r.onRequest && (r.quick || !p.Quick) {
				p.Rows = append(p.Rows, r.name)
			}
		}
	}
	if len(p.Subjects) == 0 {
		p.Subjects = p.subjectNames()
	}
	return p
}

// Validate says what is wrong with complete parameters; an error is a *lab.Misuse.
func (p Params) Validate() error {
	misuse := func(format string, args ...any) error { return &lab.Misuse{Sentence: fmt.Sprintf(format, args...)} }
	switch {
	case p.Rounds < 1 || p.Rounds > maxRounds:
		return misuse("--rounds %d is outside 1 to %d", p.Rounds, maxRounds)
	case p.For < 100*time.Millisecond || p.For > time.Hour:
		return misuse("--for %v is outside 100ms to 1h", p.For)
	}
	s, err := lab.SubjectOf(p.Isolation, lab.Kubelet(1))
	if err != nil {
		return err
	}
	if !s.OnNode() {
		return misuse("--isolation %s: the load needs limits that only a node's file has: use one of those that live on a node", p.Isolation)
	}
	for i, name := range p.Rows {
		if _, err := findRow(name); err != nil {
			return misuse("--row: %v", err)
		}
		if slices.Contains(p.Rows[:i], name) {
			return misuse("--row: %s is given twice", name)
		}
	}
	for i, name := range p.Subjects {
		if _, err := p.subjectOf(name); err != nil {
			return misuse("--subject: %v", err)
		}
		if slices.Contains(p.Subjects[:i], name) {
			return misuse("--subject: %s is given twice", name)
		}
	}
	return nil
}
