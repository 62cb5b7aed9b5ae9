package keeper

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// urgency is how much hangs on a signature; less is more urgent.
type urgency int

// As Istio's proxies order theirs.
const (
	neededNow urgency = iota // connections fail or wait without it
	warmUp                   // another process serves the workload meanwhile
	renewal                  // the SVID before it is good for a while
	urgencies
)

// soon is when a renewal is one no longer: what is left is no more than a few attempts.
const soon = time.Minute

// urgencyOf is how urgent a cell's CSR is, by what it holds and whether another process serves its workloads meanwhile. It
// is the keeper's judgement: a cell that could say so itself would always be in a hurry.
func urgencyOf(svids map[identity.ID]time.Time, id identity.ID, patient bool, now time.Time) urgency {
	end, holds := svids[id]
	switch {
	case !holds && patient:
		return warmUp
	case !holds || end.Sub(now) < soon:
		return neededNow
	}
	return renewal
}

// callsAtOnce bounds what a node asks of the CA at a time: a CA that is slow must not be
// asked by every node for everything at once.
const callsAtOnce = 8

// desk is where CSRs wait for the CA: few at a time, the urgent first, and one call for
// those that ask the same again. The zero value is ready.
type desk struct {
	same singleflight.Group // by identity and CSR

	mu      sync.Mutex
	calls   int // under way
	waiting [urgencies][]chan struct{}
}

// enter waits for a turn; who has one leaves.
func (d *desk) enter(ctx context.Context, u urgency) error {
	d.mu.Lock()
	if d.calls < callsAtOnce {
		d.calls++
		d.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	d.waiting[u] = append(d.waiting[u], turn)
	d.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		d.withdraw(u, turn)
		return context.Cause(ctx)
	}
}

// leave hands the turn to the most urgent who waits, the first come of those.
func (d *desk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for u := range d.waiting {
		if q := d.waiting[u]; len(q) > 0 {
			d.waiting[u] = q[1:]
			close(q[0])
			return
		}
	}
	d.calls--
}

// withdraw takes somebody out of the queue who waits no longer; a turn that came at the
// same moment goes to the next.
func (d *desk) withdraw(u urgency, turn chan struct{}) {
	d.mu.Lock()
	for i, other := range d.waiting[u] {
		if other == turn {
			d.waiting[u] = append(d.waiting[u][:i:i], d.waiting[u][i+1:]...)
			d.mu.Unlock()
			return
		}
	}
	d.mu.Unlock()
	d.leave()
}
