package lab

// Replicated is Default with two pods more on node-1, so that every isolation there has
// a group of another size: in Default each identity has one pod, and a cell of a service
// account is the same as one of a workload.
//
//	workload         checkout
//	service-account  checkout, checkout-2            one identity, two replicas
//	namespace        checkout, checkout-2, db-2      two identities
//	shared           these, and three pods of other tenants
func Replicated() Topology {
	t := Default()
	for _, r := range []struct{ app, account string }{{"checkout-2", "checkout"}, {"db-2", "db"}} {
		// Behind the other pods of the node and its sentinel.
		n := 0
		for _, p := range t.All() {
			if p.Node == "node-1" {
				n++
			}
		}
		p := newPod("tenant-a", r.app, 1, n+1)
		p.Account = r.account
		t.Pods = append(t.Pods, p)
	}
	t.Edges = append(t.Edges,
		Edge{From: "tenant-a/web", To: "tenant-a/checkout-2"},
		Edge{From: "tenant-a/checkout-2", To: "tenant-a/db-2"},
	)
	return t
}
