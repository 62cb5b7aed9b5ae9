package cell

import (
	"context"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Ping asks the cell for a sign of life, as a keeper would: through its loop, behind
// whatever that does. news is what was counted since the last one; nil: nothing.
func (a *Alone) Ping(ctx context.Context) (news *Pong, dropped uint64, err error) {
	type pong struct {
		news    *Pong
		dropped uint64
	}
	answered := make(chan pong, 1) // nobody may wait for it any more
	e := Event{Ping: func(news *Pong, dropped uint64) {
		select {
		case answered <- pong{news, dropped}:
		default: // a farewell: nobody asks any more
		}
	}}
	select {
	case a.events <- e:
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	select {
	case p := <-answered:
		return p.news, p.dropped, nil
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
}

// Mesh is what the sidecar knows of it; nil: nothing yet.
func (a *Alone) Mesh() *mesh.Snapshot { return a.snapshot.Load() }
