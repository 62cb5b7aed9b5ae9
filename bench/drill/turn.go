package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

const (
	headStart = 300 * time.Millisecond // between the order to start a load and its start
	tick      = 50 * time.Millisecond  // between two looks at what has arrived
	rollback  = time.Minute            // for undoing everything of one subject
)

// UnsteadyError is a subject whose flows did not all succeed in time: there is no
// steady state to disturb.
type UnsteadyError struct {
	After time.Duration
	Hit   []string
}

func (e *UnsteadyError) Error() string {
	return fmt.Sprintf("no steady state within %v; still failing or waiting: %s", e.After, strings.Join(e.Hit, ", "))
}

// RollbackError is a lab that is not as it was: nothing more should be drilled in it.
type RollbackError struct{ Err error }

func (e *RollbackError) Error() string { return "rollback: " + e.Err.Error() }
func (e *RollbackError) Unwrap() error { return e.Err }

// turn is the drill of one subject.
type turn struct {
	*Drill
	lab     Lab
	subject lab.Subject
	repeat  int
	status  Status
	phase   int64             // when the phase began
	start   int64             // of the load
	machine []measure.Machine // read since the segment began
}

// drill goes through all phases. Rollback happens in any case, and its error does
// not hide the one before it.
func (t *turn) drill(ctx context.Context) (err error) {
	defer func() {
		during := t.status.Phase
		if e := t.rollback(ctx); e != nil {
			err = errors.Join(err, &RollbackError{e})
		}
		if err != nil {
			t.status.Phase = during
		}
	}()
	t.enter(PhasePlace)
	if err := t.lab.Issue(ctx, svidLife(t.p.Fault)); err != nil {
		return err
	}
	_, two := t.p.Fault.(fault.Replicated)
	if err := t.lab.Replicate(ctx, two); err != nil {
		return err
	}
	if err := t.lab.Place(ctx, t.subject); err != nil {
		return err
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	if err := t.segment(ctx, fault.Null{}, t.p.Times.Null, t.p.Times.Null); err != nil {
		return err
	}
	if t.p.Fault.Name() == measure.Null {
		return nil
	}
	if err := t.segment(ctx, t.p.Fault, t.p.Times.shortest(t.p.Fault), t.p.Times.longest(t.p.Fault)); err != nil {
		return err
	}
	undoneFor := cmp.Or(t.p.Times.Undone, t.p.Times.Null)
	return t.segment(ctx, undone{}, undoneFor, undoneFor)
}

// svidLife is how long SVIDs live in the drill of a fault; 0: as usual.
func svidLife(f fault.Fault) time.Duration {
	if s, ok := f.(fault.ShortLived); ok {
		return s.SVIDLife()
	}
	return 0
}

// undone is the null of the segment after a fault: what its undo left behind shows in
// there, on the same processes and connections.
type undone struct{ fault.Null }

// Name is part of fault.Fault.
func (undone) Name() string { return measure.Undone }

// settle starts the load and waits for the steady state.
func (t *turn) settle(ctx context.Context) error {
	t.enter(PhaseSettle)
	t.start = t.now() + int64(headStart)
	t.tracker.begin(t.start, t.run.Flows)
	if err := t.lab.StartLoad(ctx, t.start, commands(t.run.Flows, t.topology)); err != nil {
		return err
	}
	limit := t.now() + int64(t.p.Times.Settle)
	err := t.watch(ctx, limit, func() bool {
		failed, _ := t.tracker.latest()
		return t.tracker.settled()-failed >= int64(t.p.Times.Steady)
	})
	if errors.Is(err, errLimit) {
		return &UnsteadyError{After: t.p.Times.Settle, Hit: t.tracker.hitNow(t.now())}
	}
	if err != nil {
		return err
	}
	return t.clocks(ctx)
}

// clocks compares the samplers' clocks with ours: when a request failed is said by the one,
// when the fault struck by the other. Once per turn: a running process keeps its clock.
func (t *turn) clocks(ctx context.Context) error {
	all, err := t.lab.Clocks(ctx)
	for _, c := range all {
		t.run.Clocks = append(t.run.Clocks, measure.Clock(c))
	}
	return err
}

// rollback stops the load and displaces the subject, also after ctx ended.
func (t *turn) rollback(ctx context.Context) error {
	t.enter(PhaseRollback)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollback)
	defer cancel()
	return errors.Join(t.lab.StopLoad(ctx), t.lab.Displace(ctx))
}

// enter begins a phase.
func (t *turn) enter(phase string) {
	t.phase = t.now()
	t.status.Phase, t.status.Elapsed, t.status.Hit = phase, 0, nil
	t.show(t.status)
}

// note shows something that happened.
func (t *turn) note(format string, args ...any) {
	s := t.status
	s.Elapsed = time.Duration(t.now() - t.phase)
	s.Note = fmt.Sprintf(format, args...)
	t.show(s)
}

var errLimit = errors.New("it took too long")

// watch shows the moment until enough says so, at most until limit.
func (t *turn) watch(ctx context.Context, limit int64, enough func() bool) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !enough() {
		now := t.now()
		if now >= limit {
			return errLimit
		}
		t.followMachine(now)
		t.status.Elapsed, t.status.Hit = time.Duration(now-t.phase), t.tracker.hitNow(now)
		t.show(t.status)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
