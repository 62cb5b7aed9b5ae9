package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// sit gives every subject of an experiment its turn, once. Its error ends the suite; that an experiment failed does not.
func (s *Schedule) sit(ctx context.Context, t *trial, repeat int) error {
	if repeat == 0 {
		if err := s.begin(t); err != nil {
			return err
		}
	}
	if t.turns == nil { // its record could not be opened
		s.skip(t)
		return nil
	}
	s.listen(t.turns.Saw)
	defer s.listen(nil)
	for _, k := range drill.Order(t.entry.Experiment.Seed, repeat, len(t.foreseen)) {
		if err := s.one(ctx, t, repeat, k); err != nil {
			return err
		}
	}
	if repeat < t.repeats()-1 {
		return nil
	}
	return errors.Join(t.end(), s.Suite.Write(s.Dir))
}

// begin opens a record. That one cannot be opened is not the end of the others.
func (s *Schedule) begin(t *trial) error {
	turns, err := s.open(t, s.Who, s.shown(t))
	if err == nil {
		err = t.begin(s.Dir, turns)
	}
	if err != nil {
		t.fail(err)
		t.entry.Status, t.entry.Why = suite.NotRun, why(err)
	}
	return s.Suite.Write(s.Dir)
}

// skip counts the turns of a sitting that cannot be.
func (s *Schedule) skip(t *trial) {
	for _, d := range t.foreseen {
		s.turn++
		s.clock.rest -= d
	}
}

// one is the turn of one subject.
func (s *Schedule) one(ctx context.Context, t *trial, repeat, subject int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.up(ctx, t); err != nil {
		return err
	}
	s.turn++
	s.clock.began = time.Now()
	err := t.turns.Turn(ctx, s.stage, repeat, subject)
	s.clock.ended(t.foreseen[subject])
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	s.say(t.entry.Name + ": " + why(err))
	t.fail(err)
	var broken *drill.RollbackError
	if errors.As(err, &broken) {
		s.say("the lab is not what it was: the next turn has another one")
		return s.down()
	}
	return nil
}

// up sees that there is a lab.
func (s *Schedule) up(ctx context.Context, t *trial) error {
	if s.stage != nil {
		return nil
	}
	stage, err := s.Up(ctx, t.topology, s.event)
	s.stage = stage
	return err
}

// down takes the lab away, when there is one.
func (s *Schedule) down() error {
	if s.stage == nil {
		return nil
	}
	err := s.stage.Down()
	s.stage = nil
	return err
}

// listen says who is told what the lab tells.
func (s *Schedule) listen(saw func(lab.Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saw = saw
}

func (s *Schedule) event(e lab.Event) {
	s.mu.Lock()
	saw := s.saw
	s.mu.Unlock()
	if saw != nil {
		saw(e)
	}
}

func (s *Schedule) say(line string) {
	if s.Say != nil {
		s.Say(line)
	}
}

// shown adds to what a drill shows how far the suite has come.
func (s *Schedule) shown(t *trial) drill.Progress {
	return func(st drill.Status) {
		if s.Show == nil {
			return
		}
		st.Turn, st.Turns, st.Drill, st.Left = s.turn, s.of, t.entry.Name, s.clock.left()
		s.Show(st)
	}
}
