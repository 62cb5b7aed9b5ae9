package keeper

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// entry is the door by which pods are taken in, many at a time, and which a rollback shuts. A
// pod may take as long as its cell to start, so whoever waits at the door does so with a context,
// which a sync.RWMutex does not know.
type entry struct{ places *semaphore.Weighted }

// everybody is more than ever come in at a time.
const everybody = 1 << 30

func newEntry() entry { return entry{semaphore.NewWeighted(everybody)} }

// pass lets one in, who calls leave.
func (e entry) pass(ctx context.Context) (leave func(), err error) { return e.take(ctx, 1) }

// alone returns when nobody is on his way in any more, and nobody else comes until leave.
func (e entry) alone(ctx context.Context) (leave func(), err error) { return e.take(ctx, everybody) }

func (e entry) take(ctx context.Context, places int64) (leave func(), err error) {
	if err := e.places.Acquire(ctx, places); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { e.places.Release(places) }, nil
}
