package drill

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// segment observes one fault: baseline, fault, observation. Only a whole segment
// goes into the record; of a broken one its requests are there.
func (t *turn) segment(ctx context.Context, f fault.Fault, longest time.Duration) (err error) {
	seg := t.begin(f)
	if err := t.baseline(ctx, &seg); err != nil {
		return err
	}
	t.enter(f.Name())
	injected, err := t.inject(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, injected.Undo(context.WithoutCancel(ctx))) }()
	seg.TFault, t.phase = injected.At, injected.At
	seg.Events = append(seg.Events, measure.Event{T: injected.At, Name: f.Name(), Note: injected.Note})
	if f.Name() != measure.Null {
		t.note("%s", injected.Note)
	}
	if seg.TEnd, err = t.observe(ctx, seg.TFault, lasting(f), longest); err != nil {
		return err
	}
	seg.Events = append(seg.Events, t.happened(&seg)...)
	t.run.Segments = append(t.run.Segments, seg)
	return nil
}

// lasting is how long a fault goes on by itself.
func lasting(f fault.Fault) time.Duration {
	if l, ok := f.(fault.Lasting); ok {
		return l.Lasts()
	}
	return 0
}

// begin is a segment that starts now, with its prediction: it is made before
// anything can be seen.
func (t *turn) begin(f fault.Fault) measure.Segment {
	t.enter(PhaseBaseline)
	seg := measure.Segment{
		Subject: t.subject.Name, Kind: f.Name(), Repeat: t.repeat, Start: t.start, T0: t.now(),
		Predicted: []int{}, Waiting: []int{}, Usage: []measure.Usage{}, Events: []measure.Event{},
	}
	if f.Name() != measure.Null {
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

// inject lets the fault strike. Where there is no data plane a fault that finds
// none has struck as it should: the isolation none is what the others are compared
// with.
func (t *turn) inject(ctx context.Context, f fault.Fault) (fault.Injected, error) {
	target := fault.System(t.p.Culprit, t.node(), t.serving)
	target.Now = t.now
	target.Strike = func(ctx context.Context, order string, lasts time.Duration) error {
		return t.lab.Strike(ctx, t.p.Culprit, order, lasts)
	}
	target.Calm = func(ctx context.Context) error { return t.lab.Calm(ctx, t.p.Culprit) }
	target.Keepers = func() ([]fault.Process, error) { return targets(t.lab.Keepers()) }
	target.Anchor = func() ([]fault.Process, error) { return targets(t.lab.Anchor(t.p.Culprit)) }
	target.Crowd = func(ctx context.Context) (string, error) { return t.lab.Crowd(ctx, t.p.Culprit) }
	target.Disperse = t.lab.Disperse
	target.Replace, target.Saw = t.lab.Replace, func(at int64, note string) { t.saw(measure.Event{T: at, Name: f.Name(), Note: note}) }
	if t.signal != nil {
		target.Signal = t.signal
	}
	injected, err := f.Inject(ctx, target)
	var none *fault.NothingServesError
	if errors.As(err, &none) && (t.subject.Isolation == lab.None || !t.subject.OnNode() && f.Effect().OfNode()) {
		return fault.Null{}.Inject(ctx, target)
	}
	return injected, err
}

func (t *turn) node() string {
	pod, _ := t.topology.Pod(t.p.Culprit)
	return pod.Node
}

// serving finds the processes that carry the culprit's bytes.
func (t *turn) serving() ([]fault.Process, error) {
	return targets(t.lab.DataPlane(t.p.Culprit))
}

func targets(procs []lab.Proc, err error) ([]fault.Process, error) {
	var found []fault.Process
	for _, p := range procs {
		found = append(found, fault.Process{Name: named(p), PID: p.PID})
	}
	return found, err
}

// named puts the role before a name that does not say it.
func named(p lab.Proc) string {
	if strings.HasPrefix(p.Name, p.Role) {
		return p.Name
	}
	return p.Role + " " + p.Name
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
