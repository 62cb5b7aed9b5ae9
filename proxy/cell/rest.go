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
	allocated uint64 // in all, at the last look
	quiet     int    // looks in a row that found nothing new
}

const (
	quietLooks   = 3         // seconds, as pings come
	quietBytes   = 256 << 10 // a second: pings, rotation, and pushes
	worthReturn  = 1 << 20   // less garbage than that is left
	metricAllocs = "/gc/heap/allocs:bytes"
	metricLive   = "/gc/heap/live:bytes"
	metricHeap   = "/memory/classes/heap/objects:bytes"
)

// look is for the goroutine of the cell's loop.
func (r *rest) look() {
	if collection.dozing.Load() {
		return
	}
	if r.samples == nil {
		r.samples = []metrics.Sample{{Name: metricAllocs}, {Name: metricLive}, {Name: metricHeap}}
	}
	metrics.Read(r.samples)
	allocated, live, heap := r.samples[0].Value.Uint64(), r.samples[1].Value.Uint64(), r.samples[2].Value.Uint64()
	if allocated-r.allocated > quietBytes {
		r.quiet = 0
	} else {
		r.quiet++
	}
	r.allocated = allocated
	if r.quiet == quietLooks && heap > live+max(worthReturn, live/8) {
		debug.FreeOSMemory() // collects first
	}
}
