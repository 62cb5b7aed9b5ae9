package fault

import (
	"context"
	"fmt"
	"time"
)

// Slow cuts the CPU quota of what serves the culprit to a small part of what it has, as
// a limit that somebody copied from a smaller node does.
var Slow = slow{lasts: 4 * time.Second}

type slow struct{ lasts time.Duration }

// slowShare leaves a cell of one workload 2 ms of CPU in each 100. A share and not a
// number, so that who serves four workloads keeps four times as much.
const slowShare = 0.04

// Name is part of Fault.
func (slow) Name() string { return "slow" }

// Effect is part of Fault.
func (slow) Effect() Effect { return Hampers }

// Lasts is part of Lasting.
func (f slow) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f slow) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (slow) About() About {
	return About{
		Group: Processes, Does: "cuts the CPU quota of what serves the culprit to a 25th",
		Incident: "A ztunnel used two CPUs at 72,000 new connections a minute, and a limit below that is the same for every node: there the busy one is the slow one.",
		Source:   "https://github.com/istio/ztunnel/issues/1288",
		Expect:   "Those who share the quota wait, for handshakes most; beside it nobody does.",
		Look:     "New connections against reused ones, and whether a keeper takes slow for dead.",
	}
}

// Describe is part of Fault.
func (f slow) Describe(t Target) string {
	return fmt.Sprintf("slow data plane of %s on %s: a 25th of its CPU quota for %v", t.Culprit, t.Node, f.lasts)
}

// Inject is part of Fault. The quota is given back when its time is over, or at the undo.
func (f slow) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("slow: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	at := t.Now()
	note, restore, err := t.Throttle(slowShare)
	if err != nil {
		return Injected{}, fmt.Errorf("slow: %w", err)
	}
	return Injected{At: at, Note: note, Undo: standing(ctx, f.lasts, func() error {
		err := restore()
		t.Saw(t.Now(), "it has its CPU quota again")
		return err
	})}, nil
}
