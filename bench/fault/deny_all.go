package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DenyAll pushes a policy that denies everything to everybody, and takes it back. No
// isolation helps against what every proxy is told; it is what the others are measured by.
var DenyAll = denyAll{lasts: 4 * time.Second}

type denyAll struct{ lasts time.Duration }

// Name is part of Fault.
func (denyAll) Name() string { return "deny-all" }

// Effect is part of Fault.
func (denyAll) Effect() Effect { return ForbidsAll }

// Lasts is part of Lasting.
func (f denyAll) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f denyAll) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (denyAll) About() About {
	return About{
		Group: Control, Does: "pushes a policy that denies everything to everybody, and takes it back",
		Incident: "A policy for one namespace is applied to the root namespace, and the whole mesh is denied at once.",
		Expect:   "Every flow of the mesh is hit, in every isolation, new ones and open ones: a push knows no bulkhead. When it is taken back all of them recover without a restart.",
		Look:     "How long the recovery takes, and whether triage names the policy and not the cells.",
	}
}

// Describe is part of Fault.
func (f denyAll) Describe(Target) string {
	return fmt.Sprintf("everything is denied to everybody, for %v", f.lasts)
}

// Inject is part of Fault.
func (f denyAll) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	if err := t.Pushes.PushDenial(); err != nil {
		return Injected{}, errors.Join(fmt.Errorf("deny-all: %w", err), t.Pushes.LiftPush())
	}
	return Injected{At: at, Note: "a policy that denies everything", Undo: standing(ctx, f.lasts, func() error {
		t.Saw(t.Now(), "the policy is taken back")
		return t.Pushes.LiftPush()
	})}, nil
}
