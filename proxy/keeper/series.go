package keeper

import (
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
				x.series.Take(uid, tallies, &istio.Reading{Mesh: s, Workload: described(s, p), Cell: x.cell.group, Failures: &k.failures})
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
