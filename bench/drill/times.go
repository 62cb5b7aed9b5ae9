package drill

import (
	"cmp"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Times are the lengths of a drill's phases and the pace of its load.
type Times struct {
	Steady   time.Duration // nothing may fail for so long before a subject is judged
	Settle   time.Duration // and it must get there within this
	Baseline time.Duration // of each segment
	Null     time.Duration // observation of a null segment, and the shortest after a fault
	Undone   time.Duration // of the segment after the undo; 0: as Null
	Observe  time.Duration // the longest observation after a fault
	Clean    time.Duration // nothing bad for so long ends an observation
	Period   time.Duration // between requests of a flow
	Timeout  time.Duration // of a request
}

// DefaultTimes fit four subjects into two minutes on two cores.
func DefaultTimes() Times {
	return Times{
		Steady:   time.Second,
		Settle:   20 * time.Second,
		Baseline: 3 * time.Second,
		Null:     3 * time.Second,
		Observe:  8 * time.Second,
		Clean:    2 * time.Second,
		Period:   50 * time.Millisecond,
		Timeout:  load.DefaultTimeout,
	}
}

// shortest is how long a fault is watched at least: until it is over, and for a while after it.
func (t Times) shortest(f fault.Fault) time.Duration {
	return max(t.Null, min(lasting(f)+t.Clean, t.longest(f)))
}

// longest is how long a fault is watched at most: when it is over, as long as one that is over
// at once.
func (t Times) longest(f fault.Fault) time.Duration {
	return lasting(f) + max(t.Observe, 2*t.Clean)
}

// lasting is how long a fault goes on by itself.
func lasting(f fault.Fault) time.Duration {
	if l, ok := f.(fault.Lasting); ok {
		return l.Lasts()
	}
	return 0
}

// Turn is how long the windows of one turn take at least, from the steady state to the
// last segment: without placing, and without what a recovery takes.
func (t Times) Turn(f fault.Fault) time.Duration {
	d := t.Steady + t.Baseline + t.Null
	if f.Name() == measure.Null {
		return d
	}
	return d + t.Baseline + t.shortest(f) + t.Baseline + cmp.Or(t.Undone, t.Null)
}
