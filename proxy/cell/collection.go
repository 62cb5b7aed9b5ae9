package cell

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// collection is how the runtime of this process collects garbage. Its settings are the
// process's, so there is one.
//
// A cell that has not carried anything yet dozes: it collects only when it comes near
// dozeLimit. Otherwise the runtime collects every two minutes even when nothing happens,
// and what it makes for that (a list for each size of object, buffers, marks) is never
// given back: 0.4 MiB, a third of an idle cell.
var collection collector

type collector struct {
	dozing atomic.Bool
	mu     sync.Mutex
	limit  int64 // of memory, by GOMEMLIMIT or the keeper; 0: not asked yet
}

// A sleeper is garbage from the start: the first collection finds it.
type sleeper struct{ c *collector }

// dozeLimit is about 2 MiB above what the runtime of an idle cell has: what a rotation of
// its SVID leaves, several times, and pushes.
const dozeLimit = 8 << 20

// memoryLimit is the process's, math.MaxInt64 for none.
func (c *collector) memoryLimit() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known()
}

// known is the limit; the caller holds mu.
func (c *collector) known() int64 {
	if c.limit == 0 {
		c.limit = debug.SetMemoryLimit(-1)
	}
	return c.limit
}

// setMemoryLimit replaces the limit; 0 or less is none.
func (c *collector) setMemoryLimit(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit <= 0 {
		limit = math.MaxInt64
	}
	c.limit = limit
	c.apply()
}

// doze lasts until wake, or until the runtime collects all the same: then what a
// collection costs is spent, and one that has more than dozeLimit alive would do
// nothing but collect.
func (c *collector) doze() {
	runtime.AddCleanup(&sleeper{c}, (*collector).wake, c)
	c.sleep()
}

func (c *collector) sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known()
	c.dozing.Store(true)
	debug.SetGCPercent(-1)
	c.apply()
}

// wake ends the doze; it costs one load when there is none.
func (c *collector) wake() {
	if !c.dozing.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dozing.CompareAndSwap(true, false) {
		debug.SetGCPercent(100)
		c.apply()
	}
}

// apply tells the runtime; the caller holds mu.
func (c *collector) apply() {
	limit := c.limit
	if c.dozing.Load() {
		limit = min(limit, dozeLimit)
	}
	debug.SetMemoryLimit(limit)
}
