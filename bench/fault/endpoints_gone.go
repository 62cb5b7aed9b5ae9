package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// EndpointsGone pushes a mesh in which a service that the culprit asks has no endpoints,
// and asks it all the while.
var EndpointsGone = endpointsGone{lasts: 6 * time.Second}

type endpointsGone struct{ lasts time.Duration }

// Vacancy is a service that pushes leave without an endpoint.
type Vacancy interface {
	String() string
	Push() error
	// Try says whether a new connection to the service gets an answer.
	Try(ctx context.Context) (answered bool, err error)
	Lift() error
}

// Name is part of Fault.
func (endpointsGone) Name() string { return "endpoints-gone" }

// Effect is part of Fault.
func (endpointsGone) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f endpointsGone) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f endpointsGone) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (endpointsGone) About() About {
	return About{
		Group: Control, Does: "takes the endpoints from a service that the culprit asks, and gives them back",
		Incident: "A selector with a typing error, or a control plane that has just started and knows no endpoints yet, leaves a service empty.",
		Expect:   "Who asks the service is refused, at once and not after a wait, and nobody else notices: pods are reached at their own addresses, whoever shares the cell. When the endpoints are back so is the service.",
		Look:     "The checks: an answer from a service that has no endpoint, one that does not come back. Nobody may be hit.",
	}
}

// Describe is part of Fault.
func (f endpointsGone) Describe(t Target) string {
	return fmt.Sprintf("the first service that %s asks has no endpoints for %v", t.Culprit, f.lasts)
}

// Inject is part of Fault.
func (f endpointsGone) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("endpoints-gone: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	v, err := t.Vacancy()
	if err != nil {
		return Injected{}, fmt.Errorf("endpoints-gone: %w", err)
	}
	at := t.Now()
	if err := v.Push(); err != nil {
		return Injected{}, errors.Join(fmt.Errorf("endpoints-gone: %w", err), v.Lift())
	}
	asked := vacant{answered: Check{Name: "answered without an endpoint"}, back: Check{Name: "service not back", Tried: 1, Violated: 1}}
	undo := during(ctx, f.lasts, func(going context.Context) error {
		asked.ask(going, t, v)
		err := v.Lift()
		asked.await(context.WithoutCancel(going), t, v)
		return err
	})
	return Injected{At: at, Note: "no endpoints for " + v.String(), Undo: undo, Checks: func() []Check { return []Check{asked.answered, asked.back} }}, nil
}

// vacant is what came of asking.
type vacant struct {
	answered, back Check
	slowest        time.Duration // refusal
}

// ask asks until the time is over. The push is in force from the first refusal on: with
// none at all it never was, and every answer counts.
func (c *vacant) ask(going context.Context, t Target, v Vacancy) {
	early := int64(0)
	for ; going.Err() == nil; pause(going, 20*time.Millisecond) {
		began := time.Now()
		answered, _ := v.Try(going) // a try that took too long had no answer
		switch {
		case going.Err() != nil:
		case !answered:
			c.answered.Tried++
			c.slowest = max(c.slowest, time.Since(began))
		case c.answered.Tried == 0:
			early++
		default:
			c.answered.Tried, c.answered.Violated = c.answered.Tried+1, c.answered.Violated+1
		}
	}
	if c.answered.Tried == 0 {
		c.answered.Tried, c.answered.Violated = early, early
	}
	c.answered.Note = fmt.Sprintf("the slowest refusal took %v", c.slowest.Round(time.Millisecond))
	t.Saw(t.Now(), fmt.Sprintf("the service refused %d times, and has its endpoints again", c.answered.Tried-c.answered.Violated))
}

// await asks until the service answers again.
func (c *vacant) await(ctx context.Context, t Target, v Vacancy) {
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	back := t.Now()
	for ; ctx.Err() == nil; pause(ctx, lookEvery) {
		if answered, _ := v.Try(ctx); answered {
			c.back.Violated = 0
			c.back.Note = fmt.Sprintf("it answers %v after its endpoints were back", time.Duration(t.Now()-back).Round(time.Millisecond))
			return
		}
	}
}
