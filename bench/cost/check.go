package cost

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

const (
	maxPods   = 1000
	maxRounds = 100
	maxNumber = int64(1) << 50 // of bytes or nanoseconds, 13 days: sums of a record stay in 64 bits
	maxTime   = int64(1) << 61 // of a monotonic clock, 73 years
)

// checker knows what came before a line.
type checker struct {
	at         int64
	run        *Run
	size, turn bool // there was one to belong to
	ended      bool
}

func (c *checker) check(l Line) error {
	switch {
	case l.At < c.at || l.At > maxTime:
		return fmt.Errorf("time %d after %d", l.At, c.at)
	case (c.run == nil) != (l.Run != nil):
		return errors.New("a record begins with its run, and has one")
	case c.ended:
		return errors.New("a line after the end")
	case l.kinds() != 1:
		return fmt.Errorf("%d things in one line, not one", l.kinds())
	}
	c.at = l.At
	switch {
	case l.Run != nil:
		c.run = l.Run
		return l.Run.check()
	case l.Size != nil:
		c.size, c.turn = true, false
		return c.checkSize(l.Size)
	case l.End != nil:
		c.ended = true
		return positive(l.End.Lost)
	case l.Turn != nil:
		if !c.size || l.Turn.Round < 0 || l.Turn.Round >= c.run.Repeat || !slices.Contains(c.run.Isolations, l.Turn.Isolation) {
			return fmt.Errorf("%s in round %d was not planned", l.Turn.Isolation, l.Turn.Round)
		}
		c.turn = true
		return nil
	case !c.turn:
		return errors.New("it belongs to no turn")
	}
	c.turn = !l.Done
	return l.checkPart()
}

func (l Line) kinds() (n int) {
	for _, is := range []bool{
		l.Run != nil, l.Size != nil, l.Turn != nil, l.Sample != nil, l.Start != nil, l.Replaced != nil, l.Window != nil, l.Done, l.End != nil,
	} {
		if is {
			n++
		}
	}
	return n
}

func (r *Run) check() error {
	switch {
	case len(r.Sizes) == 0 || len(r.Sizes) > maxPods || len(r.Isolations) == 0 || len(r.Isolations) > maxRounds:
		return errors.New("no sizes or isolations, or too many")
	case r.Repeat < 1 || r.Repeat > maxRounds:
		return fmt.Errorf("%d rounds", r.Repeat)
	case r.Rotation < 1:
		return fmt.Errorf("rotation %d", r.Rotation)
	}
	return positive(r.Memory, r.Settle, r.Rotation, r.Drain)
}

func (c *checker) checkSize(s *Size) error {
	if !slices.Contains(c.run.Sizes, s.Pods) {
		return fmt.Errorf("%d pods were not planned", s.Pods)
	}
	for _, kind := range s.Flows {
		if kind != load.New && kind != load.Reused {
			return fmt.Errorf("flow of kind %q", kind)
		}
	}
	return nil
}

// checkPart checks a part of a turn.
func (l Line) checkPart() error {
	switch {
	case l.Start != nil:
		return positive(l.Start.Served, l.Start.Asked, l.Start.Answered)
	case l.Replaced != nil && (l.Replaced.Began < 0 || l.Replaced.Served < l.Replaced.Began || l.Replaced.Served > maxTime):
		return errors.New("times of a replacement out of order")
	case l.Window != nil && (l.Window.LongLived < 0 || l.Window.LongLived > maxPods || l.Window.From < 0 || l.Window.To < l.Window.From || l.Window.To > maxTime || !(l.Window.Busy >= 0)):
		return errors.New("times of a window out of order")
	case l.Sample == nil:
		return nil
	case len(l.Sample.Procs) > 4*maxPods:
		return fmt.Errorf("%d processes", len(l.Sample.Procs))
	}
	for _, p := range l.Sample.Procs {
		if err := positive(p.PSS, p.Private, p.Charge, int64(p.Threads), p.Read, p.CPU); err != nil {
			return err
		}
	}
	return positive(l.Sample.Signed, l.Sample.Messages, l.Sample.Bytes)
}

func positive(ns ...int64) error {
	for _, n := range ns {
		if n < 0 || n > maxNumber {
			return fmt.Errorf("%d is outside 0 to %d", n, maxNumber)
		}
	}
	return nil
}
