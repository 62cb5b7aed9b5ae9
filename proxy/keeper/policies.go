package keeper

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// wanted is the policies that a pod's connections are to be judged by.
type wanted struct {
	generation string
	before     string   // that before it
	unknown    []string // its policies that the mesh does not have yet: the cell judges by what it knew before
	since      time.Time
}

func (w *wanted) want(s mesh.PolicySet) {
	if s.Generation != w.generation {
		w.before, w.generation, w.since = w.generation, s.Generation, time.Now()
	}
	w.unknown = s.Unknown
}

// shown is what a cell says it judges by, as a label: no cell can make up more of them than
// pushes did.
func (w *wanted) shown(inForce string) string {
	if inForce == w.generation || inForce == w.before {
		return inForce
	}
	return "another"
}

// judgeDraining has the pod's connections judged that drain, in whichever process: a push
// must reach them also when nobody serves the pod any more, or somebody outside.
func (k *Keeper) judgeDraining(p *pod) {
	for _, d := range p.duties {
		if d.dropping {
			k.sendJudge(d)
		}
	}
}

// sendJudge tells a process in which the pod's connections drain of its policies.
func (k *Keeper) sendJudge(d *duty) {
	w, ok := workloadOf(k.snapshot.Load(), d.pod.UID)
	if !ok || d.process.foreign {
		return
	}
	s := k.snapshot.Load().Policies(w)
	d.process.tell(&cell.Message{Judge: &cell.Judge{UID: w.UID, Policies: s.Policies, Unknown: s.Unknown, Generation: s.Generation}})
}

// PolicyStatus says by which policies a workload's connections are judged.
type PolicyStatus struct {
	Wanted  string   `json:"wanted"`            // generation: a hash of the policies, by the mesh
	InForce string   `json:"inForce,omitempty"` // by the cell: all that is open was judged by it
	Unknown []string `json:"unknown,omitempty"` // policies that the workload has and the mesh does not, yet
	// Since is when Wanted changed, where it is not in force: the lag began then.
	Since time.Time `json:"since,omitzero"`
}

// Lags says whether the cell judges by others than it should.
func (s PolicyStatus) Lags() bool { return s.Wanted != s.InForce }

// policies are the cell's workloads', by UID.
func (c *keptCell) policies() map[string]PolicyStatus {
	all := map[string]PolicyStatus{}
	for uid, p := range c.pods {
		s := PolicyStatus{Wanted: p.policies.generation, Unknown: p.policies.unknown}
		if s.Wanted == "" {
			continue // the mesh has no such workload
		}
		if c.current != nil {
			s.InForce = c.current.views[uid]
		}
		if s.Lags() {
			s.Since = p.policies.since
		}
		all[uid] = s
	}
	return all
}
