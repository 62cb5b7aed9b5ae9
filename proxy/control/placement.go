package control

import (
	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// placement is which identities run on which node, out of one snapshot of the mesh. Immutable; nil says no to all.
type placement struct{ on map[place]struct{} }

type place struct {
	id   identity.ID
	node string
}

func newPlacement(s *mesh.Snapshot) *placement {
	p := &placement{on: make(map[place]struct{})}
	for w := range s.EveryWorkload() {
		p.on[place{w.Identity, w.Node}] = struct{}{}
	}
	return p
}

// runs says whether at least one workload of the identity is on the node. That is Istio's rule for its nodes, too: a node
// that is taken over has what ran on it, and nothing else.
func (p *placement) runs(id identity.ID, node string) bool {
	if p == nil {
		return false
	}
	_, ok := p.on[place{id, node}]
	return ok
}
