package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// Stage is a lab that is up; *lab.Lab is one.
type Stage interface {
	drill.Lab
	Down() error
}

// Schedule runs a suite, once.
type Schedule struct {
	Suite *suite.Suite // as New made it
	Dir   string       // of suite.json
	Who   Who
	// Up makes a lab of a topology. The lab tells event what happens to its processes, from any goroutine.
	Up   func(ctx context.Context, t lab.Topology, event func(lab.Event)) (Stage, error)
	Show drill.Progress
	Say  func(line string) // something that happened

	open  func(*trial, Who, drill.Progress) (turns, error) // nil: real ones
	clock clock
	turn  int   // that goes on, from 1
	of    int   // in all
	stage Stage // nil: none is up
	// trials are the entries, in their order.
	trials []*trial

	mu  sync.Mutex
	saw func(lab.Event) // of the drill that goes on; nil: none
}

// UnfinishedError is a suite some of whose experiments have not ended as they should.
type UnfinishedError struct {
	Of    int
	Names []string
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%d of %d experiments did not end as they should: %s", len(e.Names), e.Of, strings.Join(e.Names, ", "))
}

// Run runs all experiments. What could be done is recorded, whatever the error: ctx's, that of a lab that could not be
// made, or an *UnfinishedError.
func (s *Schedule) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	err := s.Suite.Write(s.Dir)
	for _, g := range groupsOf(s.trials) {
		if err == nil {
			err = s.group(ctx, g)
		}
		err = errors.Join(err, s.down())
	}
	return errors.Join(err, s.finish(err))
}

// prepare makes the trials.
func (s *Schedule) prepare() error {
	if s.open == nil {
		s.open = open
	}
	for i := range s.Suite.Entries {
		t, err := newTrial(&s.Suite.Entries[i])
		if err != nil {
			return err
		}
		s.trials = append(s.trials, t)
		for _, d := range t.foreseen {
			s.clock.rest += d * time.Duration(t.repeats())
			s.of += t.repeats()
		}
	}
	return nil
}

// group runs the experiments of one topology, repeat by repeat. The error ends the suite.
func (s *Schedule) group(ctx context.Context, g []*trial) error {
	last := 0
	for _, t := range g {
		last = max(last, t.repeats())
	}
	for repeat := range last {
		for _, i := range drill.Order(s.Suite.Seed, repeat, len(g)) {
			if repeat >= g[i].repeats() {
				continue
			}
			if err := s.sit(ctx, g[i], repeat); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish closes what is open, and says of every experiment what became of it.
func (s *Schedule) finish(failed error) error {
	if failed != nil {
		s.Suite.Aborted = why(failed)
	}
	var errs []error
	unfinished := &UnfinishedError{Of: len(s.trials)}
	for _, t := range s.trials {
		switch {
		case t.turns != nil:
			t.fail(failed)
			errs = append(errs, t.end())
		case t.entry.Status == suite.NotRun && failed != nil && t.failed == nil:
			t.entry.Why = "the suite ended before its turn: " + why(failed)
		}
		if t.entry.Status != suite.Done {
			unfinished.Names = append(unfinished.Names, t.entry.Name)
		}
	}
	errs = append(errs, s.Suite.Write(s.Dir))
	if failed == nil && len(unfinished.Names) > 0 {
		errs = append(errs, unfinished)
	}
	return errors.Join(errs...)
}

// why is an error on one line.
func why(err error) string {
	if errors.Is(err, context.Canceled) {
		return "it was interrupted"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
