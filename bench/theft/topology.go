package theft

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Topology is the lab of the drill: one with replicas, and in which policy denies the
// culprit two workloads, a neighbour on its node and one elsewhere. Those want an identity
// of everybody: otherwise the thief comes without one, in plaintext, and no policy that
// names identities stops it.
func Topology(culprit string) lab.Topology {
	t := lab.Replicated()
	c, ok := t.Pod(culprit)
	if !ok {
		return t // Params.Validate says so
	}
	for _, near := range []bool{true, false} {
		i := slices.IndexFunc(t.Pods, func(p lab.Pod) bool { return p.Namespace != c.Namespace && (p.Node == c.Node) == near })
		if i >= 0 && !denied(t, c, t.Pods[i]) {
			t.Denied = append(t.Denied, lab.Edge{Name: "denied to the thief", From: culprit, To: t.Pods[i].Name()})
			t.Strict = append(t.Strict, t.Pods[i].Name())
		}
	}
	return t
}

// denied reports whether policy forbids what has from's identity to ask a pod.
func denied(t lab.Topology, from, to lab.Pod) bool {
	return slices.ContainsFunc(t.Denied, func(e lab.Edge) bool {
		p, _ := t.Pod(e.From)
		return e.To == to.Name() && p.Namespace == from.Namespace && p.ServiceAccount() == from.ServiceAccount()
	})
}
