package lab

import (
	"cmp"
	"context"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Clock is one reading of a sampler's clock, between two of ours.
type Clock struct {
	Workload string
	Asked    int64 // ours, before it was asked
	At, Told int64 // its own; ours, when its answer was there
}

// reading is a sampler's answer and when it came.
type reading struct{ at, told int64 }

// rounds is how often each sampler is asked: of several answers the quickest says most.
const rounds = 3

// Clocks compares the clock of every pod's sampler with ours, and returns of each the
// reading that was answered soonest. One at a time: asked all at once, they would wait for
// each other, and the bounds be as wide as that takes.
func (l *Lab) Clocks(ctx context.Context) ([]Clock, error) {
	var all []Clock
	for _, p := range l.topology.All() {
		a := l.apps[p.Name()]
		if a == nil {
			continue
		}
		best, err := a.readClock(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, best)
	}
	slices.SortFunc(all, func(a, b Clock) int { return cmp.Compare(a.Workload, b.Workload) })
	return all, nil
}

func (a *application) readClock(ctx context.Context) (best Clock, err error) {
	for i := range rounds {
		c, err := a.askClock(ctx)
		if err != nil {
			return best, err
		}
		if i == 0 || c.Told-c.Asked < best.Told-best.Asked {
			best = c
		}
	}
	return best, nil
}

func (a *application) askClock(ctx context.Context) (Clock, error) {
	select {
	case <-a.clock: // the answer to a question that was given up
	default:
	}
	asked := load.Now()
	if err := a.send(load.Command{Clock: true}); err != nil {
		return Clock{}, err
	}
	select {
	case r := <-a.clock:
		return Clock{Workload: a.pod.Name(), Asked: asked, At: r.at, Told: r.told}, nil
	case <-a.process.ended:
		return Clock{}, at("clock", a.pod.Name(), a.process.failure())
	case <-ctx.Done():
		return Clock{}, at("clock", a.pod.Name(), ctx.Err())
	}
}
