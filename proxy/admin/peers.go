package admin

import (
	"cmp"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// PeersOf adds up who is at the other ends of connections, by cell. A mesh of nil knows nobody.
func PeersOf(all []Connections, s *mesh.Snapshot) map[string][]Peer {
	open := map[string]map[string]int{}
	for _, c := range all {
		if open[c.Cell] == nil {
			open[c.Cell] = map[string]int{}
		}
		for _, one := range c.Connections {
			open[c.Cell][cmp.Or(one.PeerUID, one.Peer, one.Source.Addr().String())]++
		}
	}
	out := map[string][]Peer{}
	for group, of := range open {
		for name, n := range of {
			p := Peer{Workload: name, Open: n}
			if s != nil {
				w, _ := s.Workload(name)
				p.Node = w.Node
			}
			out[group] = append(out[group], p)
		}
		slices.SortFunc(out[group], func(a, b Peer) int {
			return cmp.Or(cmp.Compare(b.Open, a.Open), cmp.Compare(a.Workload, b.Workload))
		})
	}
	return out
}
