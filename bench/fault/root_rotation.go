package fault

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// RootRotation has the CA replace its root, which takes two lives of an SVID, and watches
// until the old one is trusted no more.
var RootRotation = rootRotation{life: 12 * time.Second, lasts: 30 * time.Second}

type rootRotation struct{ life, lasts time.Duration }

// Name is part of Fault.
func (rootRotation) Name() string { return "root-rotation" }

// Effect is part of Fault.
func (rootRotation) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f rootRotation) Lasts() time.Duration { return f.lasts }

// SVIDLife is part of ShortLived.
func (f rootRotation) SVIDLife() time.Duration { return f.life }

// About is part of Fault.
func (rootRotation) About() About {
	return About{
		Group: Control, Does: "has the CA replace its root, in two steps of an SVID's life each",
		Incident: "A mesh's root ends, or is replaced in one step, and who has not got the new one yet trusts nobody who has.",
		Expect:   "Nobody is hit, in any isolation: both roots are trusted before the new one signs, and until nothing is valid that the old one signed.",
		Look:     "A single error. And the check: a root that is not replaced proves nothing.",
	}
}

// Describe is part of Fault.
func (f rootRotation) Describe(Target) string {
	return fmt.Sprintf("the CA replaces its root, within %v; an SVID lives %v", f.lasts, f.life)
}

// Inject is part of Fault. There is no way back to a root, and none is needed.
func (f rootRotation) Inject(ctx context.Context, t Target) (Injected, error) {
	fail := func(err error) (Injected, error) { return Injected{}, fmt.Errorf("root-rotation: %w", err) }
	procs, err := t.Control.Processes(PartCA)
	if err != nil {
		return fail(err)
	}
	if len(procs) == 0 {
		return fail(&NothingServesError{PartCA})
	}
	old, err := t.SVIDs.Roots()
	if err != nil {
		return fail(err)
	}
	at := t.Now()
	if err := toAll(t, procs, syscall.SIGUSR1); err != nil {
		return fail(err)
	}
	check := Check{Name: "root not replaced", Tried: 1, Violated: 1}
	undo := standing(ctx, f.lasts, func() error {
		roots, err := t.SVIDs.Roots()
		if len(roots) == 1 && !slices.Contains(old, roots[0]) {
			check.Violated = 0
		}
		check.Note = fmt.Sprintf("%d trusted after %v", len(roots), time.Duration(t.Now()-at).Round(time.Second))
		return err
	})
	return Injected{At: at, Note: noted("SIGUSR1", procs...), Undo: undo, Checks: func() []Check { return []Check{check} }}, nil
}
