package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// outage is a failure of the control plane: of the CA, and of where the mesh comes from.
// It ends by itself when its time is over; the undo ends it before, and waits.
type outage struct {
	name  string
	kills bool          // it ends, and is started again; else it stands still, and goes on
	beat  time.Duration // 0: it stands still all the time; else it runs for a tenth of this
	lasts time.Duration
}

// ControlPlane is what gives the data plane its mesh and its SVIDs.
type ControlPlane interface {
	// Processes are those of control.
	Processes() ([]Process, error)
	// Revive starts it where it has ended, and returns when it answers.
	Revive(context.Context) error
}

// Name is part of Fault.
func (f outage) Name() string { return f.name }

// Effect is part of Fault.
func (outage) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f outage) Lasts() time.Duration { return f.lasts }

func (outage) about(a About) About {
	a.Group = Control
	return a
}

// Inject is part of Fault. While control is away it is given a push, which must be in force
// once it is back.
func (f outage) Inject(ctx context.Context, t Target) (Injected, error) {
	procs, err := t.Control.Processes()
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	if len(procs) == 0 {
		return Injected{}, &NothingServesError{"control"}
	}
	s, word := syscall.SIGSTOP, "SIGSTOP"
	if f.kills {
		s, word = syscall.SIGKILL, "SIGKILL"
	}
	at := t.Now()
	late, err := f.begin(t, procs, s)
	if err != nil {
		return Injected{}, errors.Join(fmt.Errorf("%s: %w", f.name, err), f.end(context.WithoutCancel(ctx), t, procs))
	}
	undo := during(ctx, f.lasts, func(going context.Context) error {
		err := errors.Join(f.beats(going, t, procs), f.end(context.WithoutCancel(going), t, procs))
		t.Saw(t.Now(), "control is back")
		return errors.Join(err, late.arrive(context.WithoutCancel(going), t))
	})
	return Injected{At: at, Note: noted(word, procs...), Undo: undo, Checks: late.checks}, nil
}

func (f outage) begin(t Target, procs []Process, s syscall.Signal) (*latePush, error) {
	if err := toAll(t, procs, s); err != nil {
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

func (f outage) end(ctx context.Context, t Target, procs []Process) error {
	if f.kills {
		return t.Control.Revive(ctx)
	}
	return toAll(t, procs, syscall.SIGCONT)
}

func toAll(t Target, procs []Process, s syscall.Signal) error {
	for _, p := range procs {
		if err := t.Signal(p.PID, s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("signal %v to %s (pid %d): %w", s, p.Name, p.PID, err)
		}
	}
	return nil
}

// latePush is a change of the mesh that was made while control did not look. A nil one is
// where nobody says what is in force.
type latePush struct {
	flow       Flip
	generation string
	check      Check
}

// pushLate changes policies and nothing that they decide.
func pushLate(t Target) (*latePush, error) {
	flow, err := t.Flip()
	var cannot *NotEnforceableError
	if errors.As(err, &cannot) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &latePush{flow: flow, check: Check{Name: "push lost in the outage", Note: "of one"}}
	p.generation, err = flow.Push(false)
	return p, err
}

// arriveWithin is longer than a proxy waits before it asks control again.
const arriveWithin = 20 * time.Second

// arrive waits until the push is in force, and lifts it.
func (p *latePush) arrive(ctx context.Context, t Target) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	back := t.Now()
	p.check.Tried, p.check.Violated = 1, 1
	for ctx.Err() == nil {
		inForce, err := p.flow.InForce(ctx)
		if err == nil && inForce == p.generation {
			p.check.Violated = 0
			p.check.Note = fmt.Sprintf("in force %v after control was back", time.Duration(t.Now()-back).Round(time.Millisecond))
			t.Saw(t.Now(), "the push of the outage is "+p.check.Note)
			break
		}
		pause(ctx, lookEvery)
	}
	return p.flow.Lift()
}

func (p *latePush) checks() []Check {
	if p == nil {
		return nil
	}
	return []Check{p.check}
}
