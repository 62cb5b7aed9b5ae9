package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// ControlPartial has one of two replicas of control stand still, and when it goes on kills
// the other one.
var ControlPartial = controlPartial{lasts: 16 * time.Second}

type controlPartial struct{ lasts time.Duration }

// Replicated is a fault for which the mesh must be served by two.
type Replicated interface{ Replicated() }

// Replicated is part of Replicated.
func (controlPartial) Replicated() {}

// Name is part of Fault.
func (controlPartial) Name() string { return "control-partial" }

// Effect is part of Fault.
func (controlPartial) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f controlPartial) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f controlPartial) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (controlPartial) About() About {
	return About{
		Group: Control, Does: "stops one of two replicas of control (SIGSTOP), and when all proxies are with the other one lets it go on and kills that",
		Incident: "One replica of a control plane hangs and keeps its connections: half of the mesh grows old, and everything looks well from the other half.",
		Expect:   "Nobody is hit, in any isolation. What is pushed meanwhile is in force at every proxy within 10 s: those that were with the replica go on to the other.",
		Look:     "The checks: a proxy that a push does not reach. With the one that stands still it takes some seconds, with the one that is killed none.",
	}
}

// Describe is part of Fault.
func (f controlPartial) Describe(Target) string {
	return fmt.Sprintf("one of two replicas of control stands still, and then the other one is killed, for %v together", f.lasts)
}

// replicas are the two of them, first the one that most proxies are with.
type replicas struct{ first, second []Process }

// Inject is part of Fault. Both halves are always gone through: a proxy takes its time to
// notice the first.
func (f controlPartial) Inject(ctx context.Context, t Target) (Injected, error) {
	fail := func(err error) (Injected, error) { return Injected{}, fmt.Errorf("control-partial: %w", err) }
	part, note, err := f.busier(ctx, t)
	if err != nil {
		return fail(err)
	}
	first, second := PartDiscovery, PartReplica
	if part == second {
		first, second = second, first
	}
	var r replicas
	if r.first, err = running(t, first); err == nil {
		r.second, err = running(t, second)
	}
	if err != nil {
		return fail(err)
	}
	at := t.Now()
	if err := toAll(t, r.first, syscall.SIGSTOP); err != nil {
		return fail(errors.Join(err, toAll(t, r.first, syscall.SIGCONT)))
	}
	var beside, alone hearing
	beside.check.Name = "push not in force beside a replica that stands still"
	alone.check.Name = "push not in force beside a replica that was killed"
	undo := during(ctx, f.lasts, func(going context.Context) error {
		undone := context.WithoutCancel(going)
		err := errors.Join(beside.push(undone, t, 1), toAll(t, r.first, syscall.SIGCONT), toAll(t, r.second, syscall.SIGKILL))
		t.Saw(t.Now(), "the first goes on, and "+noted("SIGKILL", r.second...))
		err = errors.Join(err, alone.push(undone, t, 2))
		<-going.Done()
		return errors.Join(err, t.Control.Revive(undone, second), t.Pushes.LiftPush())
	})
	return Injected{
		At: at, Note: noted("SIGSTOP", r.first...) + note, Undo: undo,
		Checks: func() []Check { return []Check{beside.check, alone.check} },
	}, nil
}

// push pushes a notice and waits until it is in force everywhere.
func (h *hearing) push(ctx context.Context, t Target, round int) error {
	generations, err := t.Pushes.PushNotice(round)
	if err != nil {
		return err
	}
	h.says = judgesBy(generations)
	h.await(ctx, t, heardWithin)
	t.Saw(t.Now(), "the push is in force: "+h.check.Note)
	return nil
}

// busier is the part that most proxies have their mesh from, and what to say of it.
func (controlPartial) busier(ctx context.Context, t Target) (part, note string, err error) {
	all, err := t.Control.Hearings(ctx)
	if err != nil {
		return "", "", err
	}
	of := map[string]int{}
	for _, h := range all {
		of[h.From]++
	}
	part = PartDiscovery
	if of[PartReplica] > of[part] {
		part = PartReplica
	}
	if of[part] == 0 {
		return "", "", fmt.Errorf("none of %d proxies says that it has its mesh from a replica", len(all))
	}
	return part, fmt.Sprintf("; %d of %d proxies have their mesh from it", of[part], len(all)), nil
}

// running are the processes of a part, one at least.
func running(t Target, part string) ([]Process, error) {
	procs, err := t.Control.Processes(part)
	if err == nil && len(procs) == 0 {
		err = &NothingServesError{part}
	}
	return procs, err
}
