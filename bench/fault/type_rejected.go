package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TypeRejected has control say every policy in a form that proxies refuse, and goes on with
// workloads and services.
var TypeRejected = typeRejected{lasts: 8 * time.Second}

type typeRejected struct{ lasts time.Duration }

// Name is part of Fault.
func (typeRejected) Name() string { return "type-rejected" }

// Effect is part of Fault.
func (typeRejected) Effect() Effect { return TouchesControl }

// Lasts is part of Lasting.
func (f typeRejected) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f typeRejected) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (typeRejected) About() About {
	return About{
		Group: Control, Does: "has control say every policy with an action that proxies do not know: they refuse (NACK) that type, and no other",
		Incident: "A control plane is upgraded before its proxies, and sends what they cannot read. They reject it, or worse take a part of it.",
		Expect:   "Nobody is hit, and nothing that was denied is admitted, in any isolation: the policies that were known stay in force. Workloads and services go on being pushed. Every proxy says what it refuses.",
		Look:     "Requests admitted while denied, and the checks: a proxy that does not say so, a push of the other type that is not in force.",
	}
}

// Describe is part of Fault.
func (f typeRejected) Describe(Target) string {
	return fmt.Sprintf("control says policies that no proxy can use for %v, and workloads and services as ever", f.lasts)
}

// Inject is part of Fault. The push of the other type takes the endpoints from a service
// that no flow asks, and gives them back.
func (f typeRejected) Inject(ctx context.Context, t Target) (Injected, error) {
	fail := func(err error) (Injected, error) { return Injected{}, fmt.Errorf("type-rejected: %w", err) }
	serving, err := t.Serving()
	if err != nil {
		return fail(err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	v, err := t.Vacancy()
	if err != nil {
		return fail(err)
	}
	at := t.Now()
	if err := t.Control.Misstate(ctx, true); err != nil {
		return fail(errors.Join(err, t.Control.Misstate(context.WithoutCancel(ctx), false)))
	}
	told := hearing{check: Check{Name: "refusal that a proxy does not tell"}, says: func(h Hearing) bool { return h.Refused != "" }}
	over := hearing{check: Check{Name: "refusal that is not over", Tried: 1, Violated: 1}}
	other := vacant{answered: Check{Name: "push of another type not in force"}, back: Check{Name: "service not back", Tried: 1, Violated: 1}}
	undo := during(ctx, f.lasts, func(going context.Context) error {
		undone := context.WithoutCancel(going)
		told.await(undone, t, arriveWithin)
		t.Saw(t.Now(), "policies are refused: "+told.check.Note)
		err := v.Push()
		other.refused(undone, t, v)
		err = errors.Join(err, v.Lift())
		other.await(undone, t, v)
		<-going.Done()
		err = errors.Join(err, t.Control.Misstate(undone, false))
		return errors.Join(err, over.refusal(undone, t), t.Pushes.LiftPush())
	})
	return Injected{
		At: at, Note: "every policy has an action that nobody knows", Undo: undo,
		Checks: func() []Check { return []Check{told.check, other.answered, other.back, over.check} },
	}, nil
}

// refused asks until the service refuses once: the push is in force.
func (c *vacant) refused(ctx context.Context, t Target, v Vacancy) {
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	began := t.Now()
	c.answered.Tried, c.answered.Violated = 1, 1
	for ; ctx.Err() == nil; pause(ctx, lookEvery) {
		answered, err := v.Try(ctx)
		if err == nil && !answered {
			c.answered.Violated = 0
			c.answered.Note = fmt.Sprintf("in force after %v", time.Duration(t.Now()-began).Round(time.Millisecond))
			return
		}
	}
}

// refusal waits until every proxy has taken a policy that is pushed now: that it says nothing of a refusal is
// true of one, too, that has connected again and was not sent anything yet.
func (h *hearing) refusal(ctx context.Context, t Target) error {
	generations, err := t.Pushes.PushNotice(1)
	if err != nil {
		return err
	}
	judges := judgesBy(generations)
	h.says = func(x Hearing) bool { return x.Refused == "" && x.Silent == "" && judges(x) }
	h.await(ctx, t, arriveWithin)
	return nil
}
