package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/hog"
)

// misdeed is a fault of the culprit's application: a process in its container takes what
// it can get. A sidecar lives in the same pod, and nothing else of a data plane does.
type misdeed struct {
	name    string
	kind    hog.Kind
	limited bool // the container has a limit of its own, as well as the pod
	lasts   time.Duration
	says    string
	about   About
}

const misdeedLasts = 4 * time.Second

// Name is part of Fault.
func (f misdeed) Name() string { return f.name }

// Effect is part of Fault.
func (misdeed) Effect() Effect { return HampersPod }

// About is part of Fault.
func (f misdeed) About() About { return f.about }

// Lasts is part of Lasting.
func (f misdeed) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f misdeed) For(d time.Duration) Fault { f.lasts = d; return f }

// Describe is part of Fault.
func (f misdeed) Describe(t Target) string {
	return fmt.Sprintf("%s in the pod of %s on %s: %s", f.name, t.Culprit, t.Node, f.says)
}

// Inject is part of Fault. The process ends by itself when its time is over; the undo
// ends it before, and waits.
func (f misdeed) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	note, behave, err := t.Misbehave(f.kind, f.limited)
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	return Injected{At: at, Note: note, Undo: standing(ctx, f.lasts, func() error {
		note, err := behave()
		t.Saw(t.Now(), note)
		return err
	})}, nil
}
