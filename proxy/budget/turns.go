package budget

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Turns shares a cell's CPU between the handshakes and dials of its workloads: so many
// compute at a time, and who waits is served workload by workload, one turn each.
type Turns struct {
	mu   sync.Mutex
	free int
	line []*Account // those with somebody in their queue, next first
}

// NewTurns allows n at a time.
func NewTurns(n int) *Turns { return &Turns{free: max(1, n)} }

// take waits for a turn of the account, or until ctx ends.
func (t *Turns) take(ctx context.Context, a *Account) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	if len(a.queue) == 0 {
		t.line = append(t.line, a)
	}
	a.queue = append(a.queue, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	if t.forgo(a, mine) {
		t.give() // it came at the same moment
	}
	return fmt.Errorf("budget: no turn to compute in came: %w", context.Cause(ctx))
}

// give hands a turn to whoever is next.
func (t *Turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.line) == 0 {
		t.free++
		return
	}
	a := t.line[0]
	t.line = slices.Delete(t.line, 0, 1)
	close(a.queue[0])
	if a.queue = slices.Delete(a.queue, 0, 1); len(a.queue) > 0 {
		t.line = append(t.line, a)
	}
}

// forgo leaves the queue and reports whether the turn was given before.
func (t *Turns) forgo(a *Account, mine chan struct{}) (given bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(a.queue, mine)
	if i < 0 {
		return true
	}
	if a.queue = slices.Delete(a.queue, i, i+1); len(a.queue) == 0 {
		t.line = slices.DeleteFunc(t.line, func(other *Account) bool { return other == a })
	}
	return false
}
