package control

import (
	"sync"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// placement is which identities run on which node. The zero value says no to all.
type placement struct {
	mu       sync.RWMutex
	on       map[place]int // how many workloads
	snapshot *mesh.Snapshot
}

type place struct {
	id   identity.ID
	node string
}

// take makes it that of another snapshot.
func (p *placement) take(s *mesh.Snapshot, e mesh.Effect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.snapshot
	p.snapshot = s
	if before == nil || e.All() {
		p.on = make(map[place]int)
		for w := range s.EveryWorkload() {
			p.on[place{w.Identity, w.Node}]++
		}
		return
	}
	for uid := range e.EachWorkload() {
		if w, was := before.Workload(uid); was {
			p.leave(place{w.Identity, w.Node})
		}
		if w, is := s.Workload(uid); is {
			p.on[place{w.Identity, w.Node}]++
		}
	}
}

func (p *placement) leave(at place) {
	if p.on[at]--; p.on[at] == 0 {
		delete(p.on, at)
	}
}

// runs says whether at least one workload of the identity is on the node. That is Istio's rule for its nodes, too: a node
// that is taken over has what ran on it, and nothing else.
func (p *placement) runs(id identity.ID, node string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.on[place{id, node}] > 0
}
