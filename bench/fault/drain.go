package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Drain is no fault but what an operator does before the culprit's node is serviced: its
// keeper lets no new connection to it or from it, and cuts what is open at a deadline.
var Drain = drain{deadline: time.Second, lasts: 4 * time.Second}

type drain struct {
	deadline time.Duration // of open connections
	lasts    time.Duration // until it is undone
}

// Name is part of Fault.
func (drain) Name() string { return "drain" }

// Effect is part of Fault.
func (drain) Effect() Effect { return Drains }

// Lasts is part of Lasting.
func (f drain) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f drain) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (drain) About() About {
	return About{
		Group: Control, Does: "has the culprit take no new connection and cuts the open ones at a deadline, then serves it again",
		Incident: "A workload is taken out of the mesh's traffic before maintenance, and whoever asks it is left waiting instead of going elsewhere, or its neighbours are drained with it.",
		Expect:   "Every flow of the culprit's is hit, and nobody else's, whoever shares its cell; when it is undone all of them are back without a restart. A sidecar has no such order.",
		Look:     "Bystanders, and how long the flows need after the undo. Nothing is wrong: triage must be silent.",
	}
}

// Describe is part of Fault.
func (f drain) Describe(t Target) string {
	return fmt.Sprintf("%s is drained within %v, and served again after %v", t.Culprit, f.deadline, f.lasts)
}

// Inject is part of Fault. It returns when no connection is left; the flows are refused meanwhile.
func (f drain) Inject(ctx context.Context, t Target) (Injected, error) {
	if err := needsKeeper(t, f.Name()); err != nil {
		return Injected{}, err
	}
	undrain := func() error { return t.Undrain(context.WithoutCancel(ctx)) }
	at := t.Now()
	note, err := t.Drain(ctx, f.deadline)
	if err != nil {
		return Injected{}, errors.Join(fmt.Errorf("drain: %w", err), undrain())
	}
	left := f.lasts - time.Duration(t.Now()-at)
	return Injected{At: at, Note: note, Undo: standing(ctx, left, func() error {
		t.Saw(t.Now(), "the drain is undone")
		return undrain()
	})}, nil
}
