package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ClockJump has the CA date SVIDs as if its clock were two hours ahead, for more than half
// the life of an SVID: each is renewed by one that is not valid yet.
var ClockJump = clockJump{outage{
	name: "clock-jump", of: onlyCA, ahead: 2 * time.Hour, valid: true, life: 40 * time.Second, lasts: 22 * time.Second,
}}

type clockJump struct{ outage }

// For is part of Timed.
func (f clockJump) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (f clockJump) About() About {
	return f.about(About{
		Does:     "has the CA date SVIDs two hours ahead, for more than half the life of an SVID",
		Incident: "A host's clock jumps, and its CA signs what is not valid yet. Proxies that put it into use fail every handshake, with an error that says \"certificate\" and not \"clock\".",
		Expect:   "Nobody is hit, in any isolation: an SVID that is not valid now replaces none that is. It is named in the log, with how far the clocks are apart.",
		Look:     "A single error, and the checks: a misdated SVID that nobody names, one that is not renewed once the clock is right.",
	})
}

// Describe is part of Fault.
func (f clockJump) Describe(Target) string {
	return fmt.Sprintf("the CA's clock is %v ahead for %v; an SVID lives %v", f.ahead, f.lasts, f.life)
}

// Inject is part of Fault.
func (f clockJump) Inject(ctx context.Context, t Target) (Injected, error) {
	named, err := listenFor(t, "svid-dated-elsewhere")
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	done, err := f.outage.Inject(ctx, t)
	if err != nil {
		return done, err
	}
	undo, checks := done.Undo, done.Checks
	done.Undo = func(ctx context.Context) error { return errors.Join(undo(ctx), named.count(t)) }
	done.Checks = func() []Check { return append(checks(), named.check("misdated SVID that nobody names")) }
	return done, nil
}
