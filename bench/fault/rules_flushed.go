package fault

import (
	"context"
	"fmt"
	"time"
)

// RulesFlushed flushes the nftables rules of the culprit's pod, all of them, as the
// start of many a firewall does, and listens on every wire for what leaves in plaintext.
var RulesFlushed = rulesFlushed{lasts: 4 * time.Second}

type rulesFlushed struct{ lasts time.Duration }

// Rules are the capture rules of the culprit's pod, and the wires that they keep its bytes off.
type Rules interface {
	// Overhear looks for the bytes of the load on every wire, from when it returns.
	Overhear() (Wire, error)
	// Flush deletes every rule in the pod, whoever's it is.
	Flush() error
	// InForce is nil when the rules are what they should be.
	InForce() error
	// Recapture has whoever installed the rules do so again.
	Recapture(ctx context.Context) error
}

// Wire counts packets, and those that hold bytes of the load in plaintext.
type Wire interface {
	Packets() int
	Seen() int
	Dropped() int
	Close() error
}

// Name is part of Fault.
func (rulesFlushed) Name() string { return "rules-flushed" }

// Effect is part of Fault.
func (rulesFlushed) Effect() Effect { return Uncaptures }

// Lasts is part of Lasting.
func (f rulesFlushed) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f rulesFlushed) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (rulesFlushed) About() About {
	return About{
		Group: Capture, Does: "flushes the nftables rules of the culprit's pod (nft flush ruleset)",
		Incident: "A firewall, an operator or another agent that takes the ruleset for its own flushes it; nothing in a mesh is told.",
		Expect:   "The culprit's bytes are on the wire in plaintext until somebody puts the rules back: a keeper that watches them within milliseconds, for a sidecar nobody.",
		Look:     "Plaintext on the wire, and when the rules were back. Only flows of the culprit may be hit.",
	}
}

// Describe is part of Fault.
func (f rulesFlushed) Describe(t Target) string {
	return fmt.Sprintf("flush of the rules in the pod of %s on %s", t.Culprit, t.Node)
}

// Inject is part of Fault. When its time is over, or at the undo, whoever installed the
// rules is asked to do so again.
func (f rulesFlushed) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	wire, err := t.Rules.Overhear()
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	at := t.Now()
	if err := t.Rules.Flush(); err != nil {
		wire.Close()
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	end := during(ctx, f.lasts, func(going context.Context) error { return f.stand(going, t, at) })
	return Injected{
		At: at, Note: "nft flush ruleset in " + t.Culprit,
		Undo: func(ctx context.Context) error {
			err := end(ctx)
			if e := wire.Close(); err == nil {
				err = e
			}
			return err
		},
		Checks: func() []Check { return []Check{overheard(wire)} },
	}, nil
}

// lookEvery is between two looks at whether somebody has noticed.
const lookEvery = 20 * time.Millisecond

// stand says when the rules were put back by those whose work it is, and sees to it
// in the end.
func (f rulesFlushed) stand(going context.Context, t Target, at int64) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	noticed := false
	for going.Err() == nil {
		if !noticed && t.Rules.InForce() == nil {
			noticed = true
			now := t.Now()
			t.Saw(now, fmt.Sprintf("the rules are back after %v: somebody noticed", time.Duration(now-at).Round(time.Millisecond)))
		}
		select {
		case <-tick.C:
		case <-going.Done():
		}
	}
	if !noticed {
		t.Saw(t.Now(), "nobody noticed: the drill has the rules installed again")
	}
	return t.Rules.Recapture(context.WithoutCancel(going))
}

// overheard is the check of what a wire had.
func overheard(w Wire) Check {
	c := Check{
		Name: "plaintext on the wire", Tried: int64(w.Packets()), Violated: int64(w.Seen()),
		Note: "packets, each counted once per link that it crosses",
	}
	if n := w.Dropped(); n > 0 {
		c.Note += fmt.Sprintf("; %d could not be looked at", n)
	}
	return c
}
