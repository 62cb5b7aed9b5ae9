package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// BadPush pushes meshes that are wrong, each in another way and each with a policy that
// denies everything: one that were taken, in whole or in part, would be seen.
var BadPush = badPush{lasts: 6 * time.Second, every: 500 * time.Millisecond}

type badPush struct{ lasts, every time.Duration }

// Pushes are changes of the mesh that should not have been made.
type Pushes interface {
	// PushBroken pushes what is wrong in the n-th of some ways, and says how.
	PushBroken(n int) (how string, err error)
	// PushNotice pushes what decides nothing, another in each round, and returns the
	// generation of every workload's policies with it.
	PushNotice(round int) (generations map[string]string, err error)
	// PushDenial denies everything to everybody.
	PushDenial() error
	// PushStrangers adds workloads that nobody asks, others in each round, and returns
	// the size of the mesh in bytes.
	PushStrangers(n, round int) (int64, error)
	// LiftPush takes back what was pushed.
	LiftPush() error
}

// Name is part of Fault.
func (badPush) Name() string { return "bad-push" }

// Effect is part of Fault.
func (badPush) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f badPush) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f badPush) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (badPush) About() About {
	return About{
		Group: Control, Does: "pushes meshes that are wrong (cut off, doubled, unknown names and keys), twice a second",
		Incident: "A generator writes half a file, or a name that is not there yet, and every proxy takes what it can read of it.",
		Expect:   "Nobody is hit, in any isolation: a mesh that is wrong is refused as a whole, and the one before stays in force. The next one that is right is taken.",
		Look:     "A single error: each of the meshes denies everything. And the check: a push that is lost after all that.",
	}
}

// Describe is part of Fault.
func (f badPush) Describe(Target) string {
	return fmt.Sprintf("a wrong mesh every %v, for %v", f.every, f.lasts)
}

// Inject is part of Fault. When its time is over, or at the undo, a mesh that is right is
// pushed, and looked for.
func (f badPush) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	how, err := t.Pushes.PushBroken(0)
	if err != nil {
		return Injected{}, errors.Join(fmt.Errorf("bad-push: %w", err), t.Pushes.LiftPush())
	}
	var next *latePush
	undo := during(ctx, f.lasts, func(going context.Context) error {
		err := f.stand(going, t)
		var e error
		if next, e = pushLate(t); e == nil {
			e = next.arrive(context.WithoutCancel(going), t)
		}
		return errors.Join(err, e, t.Pushes.LiftPush())
	})
	return Injected{At: at, Note: how, Undo: undo, Checks: func() []Check { return next.checks() }}, nil
}

// stand pushes until its time is over.
func (f badPush) stand(going context.Context, t Target) error {
	n := 1
	for pause(going, f.every); going.Err() == nil; pause(going, f.every) {
		if _, err := t.Pushes.PushBroken(n); err != nil {
			return err
		}
		n++
	}
	t.Saw(t.Now(), fmt.Sprintf("%d wrong meshes were pushed", n))
	return nil
}
