package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// journey moves the culprit through two isolations and home again, live. It ends by itself;
// the undo waits for that, and a drill that is called off sends it home at once.
type journey struct {
	name    string
	through [2]string
	rest    time.Duration // in each, and at home: longer than a drain, or what one ends would not be seen
	lasts   time.Duration // about: moves take as long as they do
}

// homeWithin is longer than a keeper takes at most.
const homeWithin = 40 * time.Second

// Name is part of Fault.
func (f journey) Name() string { return f.name }

// Effect is part of Fault.
func (journey) Effect() Effect { return Moves }

// Lasts is part of Lasting.
func (f journey) Lasts() time.Duration { return f.lasts }

func (journey) about(a About) About {
	a.Group = Control
	return a
}

// Describe is part of Fault.
func (f journey) Describe(t Target) string {
	return fmt.Sprintf("%s is moved to %s, to %s and back, under load", t.Culprit, f.through[0], f.through[1])
}

// Inject is part of Fault.
func (f journey) Inject(ctx context.Context, t Target) (Injected, error) {
	if err := needsKeeper(t, f.name); err != nil {
		return Injected{}, err
	}
	done := Injected{At: t.Now(), Note: f.Describe(t)}
	done.Undo = underway(ctx, func(going context.Context) error {
		err := f.away(going, t)
		home, cancel := context.WithTimeout(context.WithoutCancel(going), homeWithin)
		defer cancel()
		err = errors.Join(err, f.move(home, t, ""))
		pause(going, f.rest)
		return err
	})
	return done, nil
}

// away is the way out. One that is broken off is none that failed.
func (f journey) away(going context.Context, t Target) error {
	for _, to := range f.through {
		if err := f.move(going, t, to); err != nil && going.Err() == nil {
			return err
		}
		pause(going, f.rest)
	}
	return nil
}

func (f journey) move(ctx context.Context, t Target, to string) error {
	note, err := t.Move(ctx, to)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	t.Saw(t.Now(), note)
	return nil
}
