package fault

import (
	"context"
	"fmt"
	"time"
)

// SVIDs are those that the data plane holds, and how they are made.
type SVIDs interface {
	// Survival is when the first of them ends, as an operator is told; zero: not all that
	// need one have said so. said: somebody holds one.
	Survival(ctx context.Context) (until time.Time, said bool, err error)
	// Misdate has the CA date them as if its clock were ahead; 0: as it should.
	Misdate(ctx context.Context, ahead time.Duration) error
	// Roots are those that are trusted now.
	Roots() ([]string, error)
}

// ShortLived is a fault for which SVIDs must live shorter than usual, so that one is seen
// to end or to be renewed; 0: as usual.
type ShortLived interface{ SVIDLife() time.Duration }

const (
	svidSpare    = 2 * time.Second        // what must be left of every SVID after an outage that none shall end in
	survivalTick = 100 * time.Millisecond // between two looks at SVIDs
)

// awaitSurvival waits until every SVID lasts for so long. Within one life each is renewed,
// more or less together, since a placement gets them together.
func awaitSurvival(ctx context.Context, t Target, least, life time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	for {
		until, _, err := t.SVIDs.Survival(ctx)
		switch {
		case ctx.Err() != nil:
			return &NotEnforceableError{Why: fmt.Sprintf("there was no moment within %v at which every SVID lasted for %v", life, least)}
		case err != nil:
			return err
		case time.Until(until) >= least:
			return nil
		}
		pause(ctx, survivalTick)
	}
}

// renewal is the look, after an absence of the CA, whether every SVID is renewed. A nil
// one is where nobody would see it.
type renewal struct {
	life  time.Duration
	check Check
}

func newRenewal(life time.Duration) *renewal {
	return &renewal{life: life, check: Check{Name: "SVID not renewed", Note: "after the CA was back"}}
}

// renewedWithin is longer than the longest pause between two attempts at an SVID that has
// ended, several times.
const renewedWithin = 20 * time.Second

// await waits until no SVID is left that was signed before the CA was back.
func (r *renewal) await(ctx context.Context, t Target, back time.Time) error {
	if r == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, renewedWithin)
	defer cancel()
	r.check.Tried, r.check.Violated = 1, 1
	for ctx.Err() == nil {
		// X.509 counts whole seconds, and rounds them down.
		if until, _, err := t.SVIDs.Survival(ctx); err == nil && until.After(back.Add(r.life-2*time.Second)) {
			r.check.Violated = 0
			r.check.Note = fmt.Sprintf("all were new within %v after the CA was back", time.Since(back).Round(survivalTick))
			t.Saw(t.Now(), r.check.Note)
			return nil
		}
		pause(ctx, survivalTick)
	}
	return nil
}

func (r *renewal) checks() []Check {
	if r == nil {
		return nil
	}
	return []Check{r.check}
}
