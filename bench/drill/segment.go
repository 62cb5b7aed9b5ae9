package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// segment observes one fault: baseline, fault, observation of that length. Only a whole segment
// goes into the record; of a broken one its requests are there.
func (t *turn) segment(ctx context.Context, f fault.Fault, shortest, longest time.Duration) (err error) {
	seg := t.begin(f)
	if err := t.baseline(ctx, &seg); err != nil {
		return err
	}
	watching, err := t.watchOver(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watching.end()) }()
	t.enter(f.Name())
	t.readMachine() // what was before the fault is in no span with what comes after it
	injected, err := t.inject(ctx, f)
	var cannot *fault.NotEnforceableError
	if errors.As(err, &cannot) {
		skip(&seg, cannot.Why)
		injected, err = fault.Null{}.Inject(ctx, t.target(f))
	}
	if err != nil {
		return err
	}
	undone := false
	defer func() {
		if !undone {
			err = errors.Join(err, t.undo(ctx, injected))
		}
	}()
	seg.TFault, t.phase = injected.At, injected.At
	seg.Events = append(seg.Events, measure.Event{T: injected.At, Name: f.Name(), Note: injected.Note})
	if injected.Note != "" && f.Effect() != fault.Spares {
		t.note("%s", injected.Note)
	}
	if seg.TEnd, err = t.observe(ctx, seg.TFault, shortest, longest); err != nil {
		return err
	}
	t.readMachine() // so that the last bins are in a span
	seg.Machine = t.machine
	undone = true
	if err := t.undo(ctx, injected); err != nil {
		return err
	}
	if injected.Checks != nil {
		seg.Checks = checks(injected.Checks())
	}
	seg.Events = append(seg.Events, t.happened(&seg)...)
	t.run.Segments = append(t.run.Segments, seg)
	return nil
}

// undo takes a fault back, also after ctx ended.
func (t *turn) undo(ctx context.Context, injected fault.Injected) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollback)
	defer cancel()
	if err := injected.Undo(ctx); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

// skip says why the fault does not strike. Nothing is predicted then.
func skip(s *measure.Segment, why string) {
	s.Skipped, s.Predicted, s.Waiting, s.Absence = why, []int{}, []int{}, 0
}

func checks(all []fault.Check) (found []measure.Check) {
	for _, c := range all {
		found = append(found, measure.Check(c))
	}
	return found
}

// begin is a segment that starts now, with its prediction: it is made before
// anything can be seen.
func (t *turn) begin(f fault.Fault) measure.Segment {
	t.enter(PhaseBaseline)
	t.machine = nil
	seg := measure.Segment{
		Subject: t.subject.Name, Kind: f.Name(), Repeat: t.repeat, Start: t.start, T0: t.now(),
		Predicted: []int{}, Waiting: []int{}, Usage: []measure.Usage{}, Events: []measure.Event{},
	}
	if f.Effect() != fault.Spares {
		p := foretell(t.run, t.subject, f)
		seg.Predicted = append(seg.Predicted, p.Must...)
		seg.Waiting = append(seg.Waiting, p.Waiting...)
		seg.Absence = int64(p.Absence)
	}
	return seg
}

// baseline lets the undisturbed load run, with the data plane's usage at both ends.
func (t *turn) baseline(ctx context.Context, seg *measure.Segment) error {
	t.tracker.beginBaseline()
	if err := t.usage(seg); err != nil {
		return err
	}
	err := t.watch(ctx, seg.T0+int64(t.p.Times.Baseline), func() bool { return false })
	if !errors.Is(err, errLimit) { // its end is the limit
		return err
	}
	t.tracker.endBaseline()
	return t.usage(seg)
}

func (t *turn) usage(seg *measure.Segment) error {
	u, err := t.lab.Usage()
	if err != nil {
		return err
	}
	sample := measure.Usage{T: u.At, Processes: []measure.Process{}}
	for _, p := range u.Procs {
		sample.Processes = append(sample.Processes, measure.Process{
			Name: p.Name, Role: p.Role, PID: p.PID, PSS: p.PSS, Private: p.Private, CPU: int64(p.CPU),
		})
	}
	seg.Usage = append(seg.Usage, sample)
	return nil
}

// happened is the lab's events during the segment.
func (t *turn) happened(seg *measure.Segment) (during []measure.Event) {
	for _, e := range t.takeEvents() {
		if e.T >= seg.T0 && e.T < seg.TEnd {
			during = append(during, e)
		}
	}
	return during
}
