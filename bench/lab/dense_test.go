package lab

import (
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// TestDenseOfEverySize: each size that Dense promises can be built, and its mesh is
// one that the data plane accepts.
func TestDenseOfEverySize(t *testing.T) {
	for pods := 1; pods <= MostDense; pods++ {
		d, err := Dense(pods)
		if err != nil {
			t.Fatalf("%d pods: %v", pods, err)
		}
		if _, err := mesh.New(meshOf(d), 1); err != nil {
			t.Fatalf("%d pods: %v", pods, err)
		}
		here := 0
		for _, p := range d.Pods {
			n := d.node(p.Node)
			if !n.pods4().Contains(p.IPv4) || !n.pods6().Contains(p.IPv6) {
				t.Fatalf("%d pods: %s is not in the prefixes of its node", pods, p.Name())
			}
			if p.Node == DenseNode {
				here++
			}
		}
		if here != pods || len(d.Edges) != min(pods, denseFlows) {
			t.Errorf("%d pods: %d on the node, %d edges", pods, here, len(d.Edges))
		}
	}
	for _, pods := range []int{-1, 0, MostDense + 1} {
		if _, err := Dense(pods); err == nil {
			t.Errorf("%d pods are accepted", pods)
		}
	}
}

// TestDenseGroupsDiffer: what makes the isolations between workload and shared worth
// a row of their own.
func TestDenseGroupsDiffer(t *testing.T) {
	for _, c := range []struct{ pods, tenants, accounts int }{{10, 2, 4}, {50, 5, 20}, {110, 8, 44}} {
		tenants, accounts := make(map[string]int), make(map[string]int)
		d, err := Dense(c.pods)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Pods {
			if p.Node == DenseNode {
				tenants[p.Namespace]++
				accounts[p.Namespace+"/"+p.ServiceAccount()]++
			}
		}
		sizes := make(map[int]bool)
		for _, n := range accounts {
			sizes[n] = true
		}
		if len(tenants) != c.tenants || len(accounts) != c.accounts || len(sizes) != 4 {
			t.Errorf("%d pods: %d tenants, %d accounts of %d sizes", c.pods, len(tenants), len(accounts), len(sizes))
		}
	}
}
