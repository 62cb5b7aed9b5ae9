package cell

import (
	"runtime/debug"
	"runtime/metrics"
)

// rest gives back what a burst has left, once the cell has nothing to do. Go collects when
// the heap has doubled, so a cell that took a thousand connections and now only holds them
// would keep as much garbage as it has connections, until it has opened as many again. A
// smaller GOGC would buy the same by collecting more often while there is work.
//
// It looks with every ping, and has nothing to look at before the first connection.
type rest struct {
	samples   []metrics.Sample
	allocated int64 // in all, at the last look
	quiet     int   // looks in a row that found nothing new
	patience  int   // how many it takes; doubled by a return that did not help
	returned  bool  // by the last look
	kept      int64 // bytes of ended stacks that a return does not give back
}

const (
	quietLooks   = 3         // seconds, as pings come
	quietBytes   = 256 << 10 // a second: pings, rotation, and pushes
	worthReturn  = 1 << 20   // less garbage than that is left
	metricAllocs = "/gc/heap/allocs:bytes"
	metricLive   = "/gc/heap/live:bytes"
	metricHeap   = "/memory/classes/heap/objects:bytes"
	metricStacks = "/memory/classes/heap/stacks:bytes" // those of goroutines that have ended, too
	metricGo     = "/sched/goroutines:goroutines"

	usualStack = 8 << 10 // more than that for each goroutine is what others have left
)

// look is for the goroutine of the cell's loop.
func (r *rest) look() {
	if collection.dozing.Load() {
		return
	}
	if r.samples == nil {
		r.patience = quietLooks
		r.samples = []metrics.Sample{{Name: metricAllocs}, {Name: metricLive}, {Name: metricHeap}, {Name: metricStacks}, {Name: metricGo}}
	}
	metrics.Read(r.samples)
	value := func(i int) int64 { return int64(r.samples[i].Value.Uint64()) }
	allocated, live, heap := value(0), value(1), value(2)
	if allocated-r.allocated > quietBytes {
		r.quiet = 0
	} else {
		r.quiet++
	}
	r.allocated = allocated
	garbage := heap - live - max(worthReturn, live/8)
	ended := value(3) - value(4)*usualStack // stacks of goroutines that have
	if r.kept = min(r.kept, ended); r.returned {
		r.kept, r.returned = ended, false
	}
	stacks := ended - r.kept - worthReturn
	if garbage <= 0 && stacks <= 0 {
		r.patience = quietLooks
	} else if r.quiet >= r.patience {
		r.quiet, r.patience, r.returned = 0, 2*r.patience, true
		debug.FreeOSMemory() // collects first
	}
}
