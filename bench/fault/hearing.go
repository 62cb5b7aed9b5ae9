package fault

import (
	"context"
	"fmt"
	"time"
)

// Hearing is what a proxy says of who serves its mesh, and of what it knows.
type Hearing struct {
	Proxy       string            // node, or workload with a sidecar
	From        string            // the part that it has its mesh from
	Silent      string            // why it hears nothing; empty: it does
	Refused     string            // what of the newest it refuses; empty: nothing
	Generations map[string]string // of the policies that are in force, by workload
}

// heardWithin bounds how long a push may take to every proxy when one of two replicas is
// gone. By design it is 7 s where the replica stands still (a pause between two questions,
// and two that are not answered), and no time where it ends; the rest is for the machine.
const heardWithin = 10 * time.Second

// hearEvery is between two questions to all proxies: each asks its cells in turn, and they
// share the CPUs with the flows that are watched.
const hearEvery = 250 * time.Millisecond

// hearing waits until every proxy says what it should, and keeps what came of it.
type hearing struct {
	check Check
	says  func(Hearing) bool
}

// await asks until all say it, or the time is over. It returns how long that took.
func (h *hearing) await(ctx context.Context, t Target, within time.Duration) (took time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := t.Now()
	h.check.Tried, h.check.Violated = 1, 1
	h.check.Note = fmt.Sprintf("nobody could be asked within %v", within)
	for ctx.Err() == nil {
		if all, err := t.Control.Hearings(ctx); err == nil {
			took = time.Duration(t.Now() - began)
			h.count(all, took)
			if h.check.Violated == 0 {
				return took
			}
		}
		pause(ctx, hearEvery)
	}
	return took
}

func (h *hearing) count(all []Hearing, took time.Duration) {
	if len(all) == 0 {
		h.check.Note = fmt.Sprintf("nobody was there to be asked after %v", took.Round(time.Millisecond))
		return
	}
	h.check.Tried, h.check.Violated = int64(len(all)), 0
	missing := ""
	for _, x := range all {
		if !h.says(x) {
			h.check.Violated++
			missing = x.Proxy
		}
	}
	h.check.Note = fmt.Sprintf("all of them after %v", took.Round(time.Millisecond))
	if missing != "" {
		h.check.Note = fmt.Sprintf("not %s after %v", missing, took.Round(time.Millisecond))
	}
}

// judgesBy says whether a proxy judges all of its workloads by these policies. One that tells of
// none has not shown it.
func judgesBy(generations map[string]string) func(Hearing) bool {
	return func(h Hearing) bool {
		known := 0
		for workload, inForce := range h.Generations {
			want, ok := generations[workload]
			if ok && inForce != want {
				return false
			}
			if ok {
				known++
			}
		}
		return known > 0
	}
}
