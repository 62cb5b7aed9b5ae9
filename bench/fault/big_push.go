package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// BigPush adds thousands of workloads and their services to the mesh, replaces them by
// others again and again, and takes them away. Nobody asks them anything.
var BigPush = bigPush{lasts: 8 * time.Second, every: 2 * time.Second, workloads: 5000}

type bigPush struct {
	lasts, every time.Duration
	workloads    int
}

// Name is part of Fault.
func (bigPush) Name() string { return "big-push" }

// Effect is part of Fault.
func (bigPush) Effect() Effect { return Burdens }

// Lasts is part of Lasting.
func (f bigPush) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f bigPush) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (bigPush) About() About {
	return About{
		Group: Control, Does: "adds thousands of workloads to the mesh and replaces them by others, every two seconds",
		Incident: "A large deployment rolls, or a cluster is joined, and every proxy of the mesh takes all of it at once.",
		Expect:   "Nobody is hit on a node: a cell is told only of what it asked for, and its keeper takes the rest beside it. A sidecar takes everything itself, and its flows may be late meanwhile.",
		Look:     "Lateness, and what the sentinels took meanwhile: the proxies of a lab share its CPUs.",
	}
}

// Describe is part of Fault.
func (f bigPush) Describe(Target) string {
	return fmt.Sprintf("%d more workloads in the mesh, others every %v, for %v", f.workloads, f.every, f.lasts)
}

// Inject is part of Fault.
func (f bigPush) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	size, err := t.Pushes.PushStrangers(f.workloads, 0)
	if err != nil {
		return Injected{}, errors.Join(fmt.Errorf("big-push: %w", err), t.Pushes.LiftPush())
	}
	note := fmt.Sprintf("%d workloads more, the mesh has %d KiB", f.workloads, size>>10)
	return Injected{At: at, Note: note, Undo: during(ctx, f.lasts, func(going context.Context) error {
		return errors.Join(f.stand(going, t), t.Pushes.LiftPush())
	})}, nil
}

// stand pushes until its time is over.
func (f bigPush) stand(going context.Context, t Target) error {
	n := 1
	for pause(going, f.every); going.Err() == nil; pause(going, f.every) {
		if _, err := t.Pushes.PushStrangers(f.workloads, n); err != nil {
			return err
		}
		n++
	}
	t.Saw(t.Now(), fmt.Sprintf("%d large pushes, and they are gone again", n))
	return nil
}
