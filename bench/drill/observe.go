package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// patience is how long after their timeout the last records of a segment may come.
const patience = 2 * time.Second

// observe waits until nothing was bad for a while, at least for shortest, at most for longest, and returns
// the end of the observation: a whole number of bins after the fault, before which
// every request has its record.
func (t *turn) observe(ctx context.Context, at int64, shortest, longest time.Duration) (end int64, err error) {
	end = at + int64(longest)
	err = t.watch(ctx, end+int64(t.p.Times.Timeout+patience), func() bool {
		settled := t.tracker.settled()
		if settled >= end {
			return true
		}
		if quiet := max(at+int64(shortest), t.recovered(at)+int64(t.p.Times.Clean)); settled >= quiet {
			end = wholeBins(at, settled)
			return true
		}
		return false
	})
	if errors.Is(err, errLimit) {
		err = nil // records are missing; the judge will say how many
	}
	if bad := t.recovered(at); bad > at && err == nil {
		t.note("%s; nothing failed or was late after %+.1f s", wereHit(t.tracker.hitSince(at)), time.Duration(bad-at).Seconds())
	}
	return end, err
}

func wereHit(names []string) string {
	switch len(names) {
	case 0:
		return "nobody was hit"
	case 1:
		return "1 workload was hit: " + names[0]
	}
	return fmt.Sprintf("%d workloads were hit: %s", len(names), strings.Join(names, ", "))
}

// recovered is the end of the bin of the latest bad request.
func (t *turn) recovered(at int64) int64 {
	_, bad := t.tracker.latest()
	if bad < at {
		return at
	}
	return wholeBins(at, bad) + int64(measure.Bin)
}

// wholeBins rounds a time down to a whole number of bins after the fault.
func wholeBins(at, t int64) int64 { return t - (t-at)%int64(measure.Bin) }
