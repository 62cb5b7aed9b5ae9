package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Parts of the control plane.
const (
	PartDiscovery = "control"   // what the mesh is
	PartReplica   = "control-2" // the same, where there are two
	PartCA        = "ca"        // who is who
)

// reach is which parts fail.
type reach int

const (
	both reach = iota
	onlyDiscovery
	onlyCA
)

// parts are those that fail, in the order in which they come back.
func (r reach) parts() []string {
	switch r {
	case onlyDiscovery:
		return []string{PartDiscovery}
	case onlyCA:
		return []string{PartCA}
	}
	return []string{PartCA, PartDiscovery}
}

// outage is a failure of the control plane, or of a part of it. It ends by itself when its
// time is over; the undo ends it before, and waits.
type outage struct {
	name  string
	of    reach
	lasts time.Duration // how long
	life  time.Duration // of SVIDs meanwhile; 0: a usual one, of which nobody sees the end
	valid bool          // it strikes when every SVID lasts longer than it

	// What happens to the parts: one of these, or they stand still all the time.
	kills bool          // they end, and are started again
	beat  time.Duration // they stand still, and run for a tenth of this
	ahead time.Duration // the CA's clock is so far ahead
}

// ControlPlane is what gives the data plane its mesh and its SVIDs.
type ControlPlane interface {
	// Processes are those of a part.
	Processes(part string) ([]Process, error)
	// Revive starts a part where it has ended, and returns when it answers.
	Revive(ctx context.Context, part string) error
	// Misstate has the mesh's server say policies in a form that no proxy can use; false: as
	// it should.
	Misstate(ctx context.Context, wrong bool) error
	// Hearings are what all proxies say of who serves their mesh; none where there are none.
	Hearings(ctx context.Context) ([]Hearing, error)
}

// Name is part of Fault.
func (f outage) Name() string { return f.name }

// Effect is part of Fault.
func (outage) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f outage) Lasts() time.Duration { return f.lasts }

// SVIDLife is part of ShortLived.
func (f outage) SVIDLife() time.Duration { return f.life }

func (outage) about(a About) About {
	a.Group = Control
	return a
}

// Inject is part of Fault. While control is away it is given a push, which must be in force
// once it is back; of the CA's absence, every SVID must be new once it is back.
func (f outage) Inject(ctx context.Context, t Target) (Injected, error) {
	fail := func(err error) (Injected, error) { return Injected{}, fmt.Errorf("%s: %w", f.name, err) }
	procs, err := f.processes(t)
	if err != nil {
		return fail(err)
	}
	renewal, err := f.ready(ctx, t)
	if err != nil {
		return fail(err)
	}
	at := t.Now()
	late, err := f.begin(ctx, t, procs)
	if err != nil {
		return fail(errors.Join(err, f.end(context.WithoutCancel(ctx), t, procs)))
	}
	undo := during(ctx, f.lasts, func(going context.Context) error {
		err := errors.Join(f.beats(going, t, procs), f.end(context.WithoutCancel(going), t, procs))
		back, after := time.Now(), context.WithoutCancel(going)
		t.Saw(t.Now(), f.who()+" is back")
		return errors.Join(err, late.arrive(after, t), renewal.await(after, t, back))
	})
	return Injected{At: at, Note: f.note(procs), Undo: undo, Checks: func() []Check { return append(late.checks(), renewal.checks()...) }}, nil
}

func (f outage) processes(t Target) (all []Process, err error) {
	for _, part := range f.of.parts() {
		procs, err := t.Control.Processes(part)
		if err != nil {
			return nil, err
		}
		if len(procs) == 0 {
			return nil, &NothingServesError{part}
		}
		all = append(all, procs...)
	}
	return all, nil
}

// ready waits until every SVID lasts longer than the outage. The CA must be away for it
// to matter which SVIDs there are afterwards.
func (f outage) ready(ctx context.Context, t Target) (*renewal, error) {
	if f.life == 0 {
		return nil, nil
	}
	if f.valid {
		if err := awaitSurvival(ctx, t, f.lasts+svidSpare, f.life); err != nil {
			return nil, err
		}
	}
	return newRenewal(f.life), nil
}

func (f outage) begin(ctx context.Context, t Target, procs []Process) (*latePush, error) {
	if f.ahead > 0 {
		return nil, t.SVIDs.Misdate(ctx, f.ahead)
	}
	if err := toAll(t, procs, f.signal()); err != nil || f.of == onlyCA {
		return nil, err
	}
	return pushLate(t)
}

// beats returns when the time is over.
func (f outage) beats(going context.Context, t Target, procs []Process) error {
	for f.beat > 0 && going.Err() == nil {
		pause(going, f.beat-f.beat/10)
		err := toAll(t, procs, syscall.SIGCONT)
		pause(going, f.beat/10)
		if err = errors.Join(err, toAll(t, procs, syscall.SIGSTOP)); err != nil {
			return err
		}
	}
	<-going.Done()
	return nil
}

func (f outage) end(ctx context.Context, t Target, procs []Process) (err error) {
	switch {
	case f.ahead > 0:
		return t.SVIDs.Misdate(ctx, 0)
	case f.kills:
		for _, part := range f.of.parts() {
			err = errors.Join(err, t.Control.Revive(ctx, part))
		}
		return err
	}
	return toAll(t, procs, syscall.SIGCONT)
}

func (f outage) signal() syscall.Signal {
	if f.kills {
		return syscall.SIGKILL
	}
	return syscall.SIGSTOP
}

func (f outage) note(procs []Process) string {
	switch {
	case f.ahead > 0:
		return fmt.Sprintf("the CA's clock is %v ahead", f.ahead)
	case f.kills:
		return noted("SIGKILL", procs...)
	}
	return noted("SIGSTOP", procs...)
}

// who is what was away, in a word.
func (f outage) who() string {
	if f.of == onlyCA {
		return "the CA"
	}
	return "control"
}

func toAll(t Target, procs []Process, s syscall.Signal) error {
	for _, p := range procs {
		if err := t.Signal(p.PID, s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("signal %v to %s (pid %d): %w", s, p.Name, p.PID, err)
		}
	}
	return nil
}
