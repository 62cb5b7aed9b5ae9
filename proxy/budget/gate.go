package budget

import (
	"context"
	"slices"
	"sync"
)

// gate counts who is inside and lets the others wait, first come first served.
// The limit comes with every call, since it may change while some are inside.
type gate struct {
	mu      sync.Mutex
	inside  int
	waiting []chan struct{} // closed when its owner is inside
}

// try enters if there is room and nobody came before.
func (g *gate) try(limit int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside >= limit || len(g.waiting) > 0 {
		return false
	}
	g.inside++
	return true
}

// wait enters, or reports false when ctx ended first.
func (g *gate) wait(ctx context.Context, limit int) bool {
	come := make(chan struct{})
	g.mu.Lock()
	g.waiting = append(g.waiting, come)
	g.admit(limit) // room may have come since try
	g.mu.Unlock()
	select {
	case <-come:
		return true
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, come)
	if i < 0 {
		return true // let in at the same moment
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return false
}

func (g *gate) leave(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.admit(limit)
}

// resize lets in who has room under a new limit.
func (g *gate) resize(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit(limit)
}

// admit lets in as many as have room. The caller holds mu.
func (g *gate) admit(limit int) {
	for len(g.waiting) > 0 && g.inside < limit {
		g.inside++
		close(g.waiting[0])
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}
