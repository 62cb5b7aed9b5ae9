package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

// noise is a fault of which the data plane has no part: somebody around the culprit takes
// what can be had. It goes on for its time and is then over.
type noise struct {
	name  string
	kind  crowd.Kind
	times int // how many times its usual self
	lasts time.Duration
	says  string
	about About
}

// Name is part of Fault.
func (f noise) Name() string { return f.name }

// Effect is part of Fault.
func (noise) Effect() Effect { return Hampers }

// About is part of Fault.
func (f noise) About() About { return f.about }

// Lasts is part of Lasting.
func (f noise) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f noise) For(d time.Duration) Fault { f.lasts = d; return f }

// Times is part of Scaled. 0 times nothing is started at all.
func (f noise) Times(n int) Fault { f.times = n; return f }

// Describe is part of Fault.
func (f noise) Describe(t Target) string {
	return fmt.Sprintf("%s around %s on %s, %d times the usual: %s", f.name, t.Culprit, t.Node, f.times, f.says)
}

// Inject is part of Fault. The crowd goes home by itself when its time is over; the undo
// sends it home before, and waits.
func (f noise) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	if f.times == 0 {
		return Injected{At: at, Note: "0 times: nobody comes", Undo: nothing}, nil
	}
	note, err := t.Crowd(ctx, f.kind, f.times)
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	return Injected{At: at, Note: note, Undo: standing(ctx, f.lasts, func() error {
		note, err := t.Disperse()
		t.Saw(t.Now(), "the crowd has gone; "+note)
		return err
	})}, nil
}

// Budgeted says whether budgets are what stands between a fault and bystanders of the same
// process: a drill of it also wants to see them without.
func Budgeted(f Fault) bool {
	_, ok := f.(noise)
	return ok
}
