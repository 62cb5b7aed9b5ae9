package fault

import (
	"context"
	"fmt"
	"time"
)

// hook is a fault inside the data plane's executable: whoever runs it is told to
// strike. It lasts as long as it was ordered for.
type hook struct {
	name   string
	order  string // of package proxy/cell/fault, as the data plane's interface has it
	lasts  time.Duration
	says   string
	effect Effect
	about  About
}

// Name is part of Fault.
func (h hook) Name() string { return h.name }

// Lasts is part of Lasting.
func (h hook) Lasts() time.Duration { return h.lasts }

// For is part of Timed. What ends the process at once has no length.
func (h hook) For(d time.Duration) Fault {
	if h.lasts > 0 {
		h.lasts = d
	}
	return h
}

// Effect is part of Fault.
func (h hook) Effect() Effect { return h.effect }

// About is part of Fault.
func (h hook) About() About { return h.about }

// Describe is part of Fault.
func (h hook) Describe(t Target) string {
	return fmt.Sprintf("%s of the data plane that serves %s on %s: %s", h.name, t.Culprit, t.Node, h.says)
}

// Inject is part of Fault. Its undo takes back what still stands; the data plane gives
// back by itself what it took.
func (h hook) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", h.name, err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	done := Injected{At: t.Now(), Undo: t.Calm, Note: fmt.Sprintf("%s ordered from %s", h.order, serving[0].Name)}
	if h.lasts > 0 {
		done.Note += fmt.Sprintf(" for %v", h.lasts)
	}
	if err := t.Strike(ctx, h.order, h.lasts); err != nil {
		return Injected{}, fmt.Errorf("%s: %w", h.name, err)
	}
	return done, nil
}
