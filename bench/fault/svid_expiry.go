package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SVIDExpiry kills control and the CA for longer than any SVID lives.
var SVIDExpiry = svidExpiry{outage{
	name: "svid-expiry", of: both, kills: true, life: 20 * time.Second, lasts: 24 * time.Second,
}}

type svidExpiry struct{ outage }

// For is part of Timed.
func (f svidExpiry) For(d time.Duration) Fault { f.lasts = d; return f }

// Effect is part of Fault.
func (svidExpiry) Effect() Effect { return EndsSVIDs }

// About is part of Fault.
func (f svidExpiry) About() About {
	return f.about(About{
		Does:     "kills control and the CA for longer than any SVID lives",
		Incident: "A CA is gone over a weekend, and one after another what it had signed ends. Nobody could say beforehand how long it would last.",
		Expect:   "New connections fail once their SVID has ended, in every isolation: it fails closed, with a reason of its own. Open ones go on. The first refusal comes when bulkhead who had said, within a tenth. When the CA is back all recover without a restart.",
		Look:     "The check of the budget: what was said, and how long it lasted. A long-lived flow that is hit.",
	})
}

// Describe is part of Fault.
func (f svidExpiry) Describe(Target) string {
	return fmt.Sprintf("control and the CA are down for %v; an SVID lives %v", f.lasts, f.life)
}

// Inject is part of Fault. It asks how long SVIDs last when the outage is there, and
// compares what came.
func (f svidExpiry) Inject(ctx context.Context, t Target) (Injected, error) {
	named, err := listenFor(t, "own-svid-expired")
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	done, err := f.outage.Inject(ctx, t)
	if err != nil {
		return done, err
	}
	said, err := askBudget(ctx, t)
	if err != nil {
		return Injected{}, errors.Join(fmt.Errorf("%s: %w", f.name, err), done.Undo(context.WithoutCancel(ctx)))
	}
	undo, checks := done.Undo, done.Checks
	done.Undo = func(ctx context.Context) error { return errors.Join(undo(ctx), named.count(t)) }
	done.Checks = func() []Check {
		return append(append(checks(), named.check("refused without the reason own-svid-expired")), said.checks(t)...)
	}
	return done, nil
}

// budget is how long SVIDs were said to last.
type budget struct {
	said  bool // somebody holds an SVID
	asked int64
	left  time.Duration
}

// toldWithin is how long a keeper may take to know what its cells hold.
const toldWithin = 1500 * time.Millisecond

func askBudget(ctx context.Context, t Target) (b budget, err error) {
	pause(ctx, toldWithin)
	until, said, err := t.SVIDs.Survival(ctx)
	if err == nil && until.IsZero() {
		err = errors.New("nobody says how long SVIDs last")
	}
	return budget{said, t.Now(), time.Until(until)}, err
}

// checks compares with the first refusal that the load met.
func (b budget) checks(t Target) []Check {
	if !b.said {
		return nil
	}
	c := Check{Name: "survival said wrong by a tenth", Tried: 1, Violated: 1, Note: fmt.Sprintf("said %.1f s, and nothing was refused", b.left.Seconds())}
	if first, failed := t.FirstFailure(); failed {
		lasted := time.Duration(first - b.asked)
		off := lasted.Seconds()/b.left.Seconds() - 1
		c.Note = fmt.Sprintf("said %.2f s, lasted %.2f s: %+.1f %%", b.left.Seconds(), lasted.Seconds(), 100*off)
		if off > -0.1 && off < 0.1 {
			c.Violated = 0
		}
	}
	return []Check{c}
}
