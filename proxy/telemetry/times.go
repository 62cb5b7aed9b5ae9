package telemetry

import (
	"sync/atomic"
	"time"
)

// timeBounds are the upper bounds of a histogram's buckets but the last, which has none.
// They are few: each is a series of every workload. What is healthy fits into the first
// two, and 5 s is how long a connection waits for its budget.
var timeBounds = [...]time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second}

const timeBuckets = len(timeBounds) + 1

// TimeBounds are the upper bounds of the buckets of Times but the last.
func TimeBounds() []time.Duration { return timeBounds[:] }

// Clock is a histogram that is counted in. The zero value is ready.
type Clock struct {
	buckets [timeBuckets]atomic.Uint64
	sum     atomic.Int64
}

// Add counts one duration.
func (c *Clock) Add(d time.Duration) {
	i := 0
	for i < len(timeBounds) && d > timeBounds[i] {
		i++
	}
	c.buckets[i].Add(1)
	c.sum.Add(int64(d))
}

// Since is Add of what has passed since start.
func (c *Clock) Since(start time.Time) { c.Add(time.Since(start)) }

// Times copies the histogram.
func (c *Clock) Times() (t Times) {
	for i := range t.Buckets {
		t.Buckets[i] = c.buckets[i].Load()
	}
	t.Sum = c.sum.Load()
	return t
}

// Times is a copy of a Clock. Buckets are not cumulative.
type Times struct {
	Buckets [timeBuckets]uint64 `json:"buckets"`
	Sum     int64               `json:"sum"` // ns
}

// Add returns the sum of both.
func (t Times) Add(other Times) Times {
	for i, n := range other.Buckets {
		t.Buckets[i] += n
	}
	t.Sum += other.Sum
	return t
}
