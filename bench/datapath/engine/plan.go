package engine

import (
	"slices"
	"time"
)

// underWay is how many requests of a plan a connection may have open: a path that is
// behind by more is sent no more until it answers, and the plan's times stay.
const underWay = 1024

// plan is when requests are to be sent; the zero one has none.
type plan struct {
	start int64
	every float64 // nanoseconds
	next  int
	most  int
}

// due is when the next request should be sent, and how long that is from now: 0 when it is
// time.
func (p *plan) due(now int64) (at int64, wait time.Duration) {
	if p.next >= p.most {
		return 0, longest
	}
	at = p.start + int64(float64(p.next)*p.every)
	return at, time.Duration(max(0, at-now))
}

// latencies are kept one by one: a histogram would decide how exact a ratio can be.
type latencies []uint32

const (
	resolution   = 100 // nanoseconds
	mostOfThem   = 4 << 20
	longestKnown = 1<<32 - 1
)

func (l *latencies) prepare() { *l = make([]uint32, 0, mostOfThem) }

func (l *latencies) full() bool { return len(*l) == cap(*l) }

func (l *latencies) add(ns int64) {
	if !l.full() {
		*l = append(*l, uint32(min(max(0, ns)/resolution, longestKnown)))
	}
}

// quantiles are the median and the 99th percentile; it sorts.
func (l *latencies) quantiles() (p50, p99 time.Duration) {
	if len(*l) == 0 {
		return 0, 0
	}
	slices.Sort(*l)
	at := func(percent int) time.Duration { return time.Duration((*l)[(len(*l)*percent+99)/100-1]) * resolution }
	return at(50), at(99)
}
