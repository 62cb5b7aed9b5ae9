package fault

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
)

// Poison is what an armed data path dies of when an application sends it.
const Poison = "bulkhead-poison-4711"

// silence has connections accepted and never served, while everything else goes on:
// those that exist, the loop that answers pings, the knocks of a keeper at its listeners.
// When its time is over, those who still wait are served.
func silence(d time.Duration) {
	over := make(chan struct{})
	disarm := hazard.Arm(&hazard.Hazard{Connection: func(ctx context.Context, _ string) {
		select {
		case <-over:
		case <-ctx.Done():
		}
	}})
	time.AfterFunc(d, func() { disarm(); close(over) })
}

// trip has the next connection of a workload reach a bug that its goroutine recovers.
func trip(workload string, d time.Duration) {
	var once sync.Once
	h := &hazard.Hazard{Connection: func(_ context.Context, w string) {
		if w == workload {
			once.Do(func() { panic("a fault was ordered") })
		}
	}}
	time.AfterFunc(d, hazard.Arm(h))
}

// infect has the next application that sends Poison reach a bug on a goroutine that
// recovers nothing.
func infect(d time.Duration) {
	h := &hazard.Hazard{Bytes: func(b []byte) {
		if bytes.Contains(b, []byte(Poison)) {
			go panic("a fault was ordered: poison")
			select {} // while it dies, which takes a while, the bytes get no further
		}
	}}
	time.AfterFunc(d, hazard.Arm(h))
}
