package drill

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// tracker follows arriving records: it decides when a drill has seen enough and
// who is shown as hit. Nothing of it is in the record: the judge makes its own
// numbers. Its methods may be called from any goroutine.
type tracker struct {
	mu     sync.Mutex
	flows  map[int]*progress // captured flows
	late   time.Duration     // L as far as it is known, for what is shown
	failed int64             // planned time of the latest request that failed
	bad    int64             // planned time of the latest that failed or was late by the smallest L
	pool   []time.Duration   // latencies since the baseline began
	first  int64             // when the first failure since then came about; 0: none
}

// progress is one flow.
type progress struct {
	measure.Flow
	start int64
	next  int          // the first request without a record
	ahead map[int]bool // requests beyond it that have one
	badAt int64        // when the latest bad record came about
}

// planned is the send time of request k.
func (p *progress) planned(k int) int64 { return p.start + p.Offset + int64(k)*p.Period }

// never lies before all times, far enough from the end of the numbers to count with.
const never = int64(-1) << 62

// lag is how long an answer may be under way to us after it reached its client:
// the samplers flush within 50 ms, the rest is for a busy machine.
const lag = 150 * time.Millisecond

func newTracker() *tracker { return &tracker{late: measure.LateFloor} }

// begin forgets the load before and follows a new one.
func (t *tracker) begin(start int64, flows []measure.Flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flows, t.failed, t.bad, t.pool = map[int]*progress{}, start, start, nil
	for _, f := range flows {
		if !f.Sentinel && !f.Denied {
			t.flows[f.ID] = &progress{Flow: f, start: start, ahead: map[int]bool{}, badAt: never}
		}
	}
}

// add takes one record.
func (t *tracker) add(r load.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.flows[r.Flow]
	if p == nil || r.Planned < p.start { // a sentinel's, or of the load before
		return
	}
	latency := time.Duration(r.Done - r.Planned)
	if r.Error != "" {
		t.failed = max(t.failed, r.Planned)
		if t.first == 0 || r.Done < t.first {
			t.first = r.Done
		}
	}
	// The judge's L is known at the end only, and is this at least: an observation
	// that was long enough for the smallest L is so for every other.
	if r.Error != "" || latency > measure.LateFloor {
		t.bad = max(t.bad, r.Planned)
	}
	if r.Error != "" || latency > t.late {
		p.badAt = max(p.badAt, r.Done)
	} else {
		t.pool = append(t.pool, latency)
	}
	if r.Seq != load.Break {
		p.saw(r.Seq)
	}
}

func (p *progress) saw(seq int) {
	if seq >= p.next {
		p.ahead[seq] = true
	}
	for p.ahead[p.next] {
		delete(p.ahead, p.next)
		p.next++
	}
}

// settled is the time before which every planned request has its record.
func (t *tracker) settled() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := int64(1<<63 - 1)
	for _, p := range t.flows {
		first = min(first, p.planned(p.next))
	}
	return first
}

// latest is the planned times of the latest failed and the latest bad request.
func (t *tracker) latest() (failed, bad int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed, t.bad
}

// beginBaseline starts to pool latencies for L.
func (t *tracker) beginBaseline() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pool, t.first = nil, 0
}

// firstFailure is when the first request failed since the baseline began.
func (t *tracker) firstFailure() (at int64, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first, t.first != 0
}

// endBaseline raises L by what was pooled.
func (t *tracker) endBaseline() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = max(t.late, measure.LateAfter(measure.P99(t.pool)))
}

// hitNow is the workloads at the ends of flows that failed or were late within the
// last second, or have been waiting for an answer beyond L.
func (t *tracker) hitNow(now int64) []string {
	return t.ends(func(p *progress) bool {
		return p.badAt > now-int64(time.Second) || now-p.planned(p.next) > int64(t.late+lag)
	})
}

// hitSince is the workloads at the ends of flows that failed or were late since at.
func (t *tracker) hitSince(at int64) []string {
	return t.ends(func(p *progress) bool { return p.badAt >= at })
}

// ends is the workloads at the ends of some flows.
func (t *tracker) ends(of func(*progress) bool) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := map[string]bool{}
	for _, p := range t.flows {
		if of(p) {
			names[p.Client], names[p.Server] = true, true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
