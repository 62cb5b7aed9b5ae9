package istio

import (
	"cmp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Failures counts failed connections by what failed: for an operator, whom response_flags
// tell too little. Like a ledger it forgets what has not happened for long, and has a bound.
// The zero value is ready.
type Failures struct {
	mu    sync.Mutex
	all   map[failure]*failed
	swept time.Time
}

// failure is a kind of failed connection, as its labels have it.
type failure struct{ cell, workload, direction, peer, stage, reason string }

type failed struct {
	count uint64
	last  time.Time
}

const (
	maxKinds      = 4096
	failureExpiry = 15 * time.Minute
	sweepEvery    = time.Second // when full: a sweep looks at everything
)

func (f *Failures) add(k failure, more uint64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.all[k]
	if x == nil && len(f.all) >= maxKinds && now.Sub(f.swept) >= sweepEvery {
		f.sweep(now)
	}
	if x == nil && len(f.all) >= maxKinds {
		k.peer, k.stage, k.reason = overflow, overflow, overflow
		x = f.all[k]
	}
	if x == nil {
		x = &failed{}
		if f.all == nil {
			f.all = map[failure]*failed{}
		}
		f.all[k] = x
	}
	x.count += more
	x.last = now
}

// sweep forgets what has expired; the caller holds mu.
func (f *Failures) sweep(now time.Time) {
	f.swept = now
	for k, x := range f.all {
		if now.Sub(x.last) >= failureExpiry {
			delete(f.all, k)
		}
	}
}

// snapshot forgets what has expired and copies the rest.
func (f *Failures) snapshot(now time.Time) map[failure]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
	out := make(map[failure]uint64, len(f.all))
	for k, x := range f.all {
		out[k] = x.count
	}
	return out
}

var descFailures = prometheus.NewDesc("bulkhead_connection_failures_total", "Failed connections by the other end (a workload's UID, or an identity), the stage that they had come to, and the error's word, if it has one.", []string{"cell", "workload", "direction", "peer", "stage", "reason"}, nil)

// Describe implements prometheus.Collector.
func (f *Failures) Describe(ch chan<- *prometheus.Desc) { ch <- descFailures }

// Collect implements prometheus.Collector.
func (f *Failures) Collect(ch chan<- prometheus.Metric) {
	for k, n := range f.snapshot(time.Now()) {
		ch <- prometheus.MustNewConstMetric(descFailures, prometheus.CounterValue, float64(n), k.cell, k.workload, k.direction, k.peer, k.stage, k.reason)
	}
}

// Reading is how the tallies of one workload are understood: the Reader of who has a mesh.
type Reading struct {
	Mesh     Directory
	Workload mesh.Workload
	Cell     string
	Failures *Failures
}

// Labels implements Reader.
func (r *Reading) Labels(k telemetry.Key) Labels { return LabelsOf(r.Mesh, r.Workload, k) }

// Failed implements Reader.
func (r *Reading) Failed(k telemetry.Key, f telemetry.Failure, more uint64) {
	peer := cmp.Or(k.Peer, k.Identity.String())
	if peer == "" && k.Address.IsValid() {
		if w, ok := r.Mesh.At(k.Address); ok {
			peer = w.UID
		}
	}
	if peer = clean(peer); k.Overflow {
		peer = overflow
	}
	r.Failures.add(failure{r.Cell, r.Workload.UID, string(k.Direction), peer, word(string(f.Stage)), word(f.Reason)}, more, time.Now())
}
