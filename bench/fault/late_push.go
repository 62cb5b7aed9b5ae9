package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// latePush is a change of the mesh that was made while control did not look. A nil one is
// where nobody says what is in force.
type latePush struct {
	flow       Flip
	generation string
	check      Check
}

// pushLate changes policies and nothing that they decide.
func pushLate(t Target) (*latePush, error) {
	flow, err := t.Flip()
	var cannot *NotEnforceableError
	if errors.As(err, &cannot) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &latePush{flow: flow, check: Check{Name: "push lost in the outage", Note: "of one"}}
	p.generation, err = flow.Push(false)
	return p, err
}

// arriveWithin is longer than a proxy waits before it asks control again.
const arriveWithin = 20 * time.Second

// arrive waits until the push is in force, and lifts it.
func (p *latePush) arrive(ctx context.Context, t Target) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	back := t.Now()
	p.check.Tried, p.check.Violated = 1, 1
	for ctx.Err() == nil {
		inForce, err := p.flow.InForce(ctx)
		if err == nil && inForce == p.generation {
			p.check.Violated = 0
			p.check.Note = fmt.Sprintf("in force %v after control was back", time.Duration(t.Now()-back).Round(time.Millisecond))
			t.Saw(t.Now(), "the push of the outage is "+p.check.Note)
			break
		}
		pause(ctx, lookEvery)
	}
	return p.flow.Lift()
}

func (p *latePush) checks() []Check {
	if p == nil {
		return nil
	}
	return []Check{p.check}
}
