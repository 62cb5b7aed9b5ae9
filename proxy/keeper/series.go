package keeper

import (
	"cmp"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
)

// maxUnread bounds the pongs with series that are kept until there is a mesh: those of the
// first minute.
const maxUnread = 64

// count takes what a process has counted in series for workloads that it serves. A keeper
// that follows another hears of all series before it has read the mesh, and what a series
// is called is decided once: so they wait.
func (k *Keeper) count(x *process, series map[string][]telemetry.Tally) {
	if len(series) > 0 && len(x.unread) < maxUnread {
		x.unread = append(x.unread, series)
	}
	s := k.snapshot.Load()
	if s == nil {
		return
	}
	for _, series := range x.unread {
		for uid, tallies := range series {
			if p, ok := x.serves(uid); ok {
				x.series.Take(uid, tallies, &reading{s, described(s, p), x.cell.group, &k.failures})
			}
		}
	}
	x.unread = nil
}

// described is a pod as the mesh knows it, also when it has left the mesh before the node.
func described(s *mesh.Snapshot, p *pod) mesh.Workload {
	if w, ok := s.Workload(p.UID); ok {
		return w
	}
	return mesh.Workload{UID: p.UID, Name: p.Name, Namespace: p.Namespace}
}

// reading is how tallies of one workload are understood.
type reading struct {
	snapshot *mesh.Snapshot
	workload mesh.Workload
	cell     string
	failures *failures
}

// Labels implements istio.Reader.
func (r *reading) Labels(k telemetry.Key) istio.Labels {
	return istio.LabelsOf(r.snapshot, r.workload, k)
}

// Failed implements istio.Reader.
func (r *reading) Failed(k telemetry.Key, f telemetry.Failure, more uint64) {
	peer := cmp.Or(k.Peer, k.Identity.String())
	if peer == "" && k.Address.IsValid() {
		if w, ok := r.snapshot.At(k.Address); ok {
			peer = w.UID
		}
	}
	if k.Overflow {
		peer = overflowed
	}
	r.failures.add(failureKind{r.cell, r.workload.UID, string(k.Direction), cut(peer), cut(string(f.Stage)), cut(f.Reason)}, more, time.Now())
}

// failureKind is a kind of failed connection, as its metric's labels have it.
type failureKind struct{ cell, workload, direction, peer, stage, reason string }

const (
	maxFailures   = 4096
	failureExpiry = 15 * time.Minute
	overflowed    = "overflow"
)

// failures counts failed connections by what failed. Like the series of istio it forgets
// what has not happened for long, and has a bound.
type failures struct {
	mu  sync.Mutex
	all map[failureKind]*failed
}

type failed struct {
	count uint64
	last  time.Time
}

func (f *failures) add(k failureKind, more uint64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.all[k]
	if x == nil && len(f.all) >= maxFailures {
		k.peer, k.reason = overflowed, overflowed
		x = f.all[k]
	}
	if x == nil {
		x = &failed{}
		if f.all == nil {
			f.all = map[failureKind]*failed{}
		}
		f.all[k] = x
	}
	x.count += more
	x.last = now
}

// snapshot forgets what has expired and copies the rest.
func (f *failures) snapshot(now time.Time) map[failureKind]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[failureKind]uint64, len(f.all))
	for k, x := range f.all {
		if now.Sub(x.last) >= failureExpiry {
			delete(f.all, k)
			continue
		}
		out[k] = x.count
	}
	return out
}
