package budget

import (
	"sync/atomic"
	"time"
)

// rate spaces events: so many a second, and a second's worth at once after a quiet
// second. It keeps one number, the time at which what was taken so far is paid for
// (the generic cell rate algorithm); a bucket with a refill clock would need a lock.
type rate struct {
	born time.Time
	paid atomic.Int64 // ns since born
}

// take returns how long to wait for an event that is now taken, or false when that
// would be longer than most, and nothing is taken.
func (r *rate) take(now time.Time, perSecond int, most time.Duration) (time.Duration, bool) {
	cost := int64(time.Second) / int64(perSecond)
	burst := int64(time.Second) - cost // the first event of a burst is paid by its own moment
	at := int64(now.Sub(r.born))
	for {
		before := r.paid.Load()
		paid := max(before, at-burst)
		wait := max(0, paid-at)
		if wait > int64(most) {
			return 0, false
		}
		if r.paid.CompareAndSwap(before, paid+cost) {
			return time.Duration(wait), true
		}
	}
}
