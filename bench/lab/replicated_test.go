package lab

import "testing"

// TestReplicatedGroupsDiffer: on the culprit's node every isolation has more pods than
// the one before it.
func TestReplicatedGroupsDiffer(t *testing.T) {
	topology := Replicated()
	if err := topology.Validate(); err != nil {
		t.Fatal(err)
	}
	culprit, _ := topology.Pod("tenant-a/checkout")
	account, namespace, node := 0, 0, 0
	for _, p := range topology.Pods {
		if p.Node != culprit.Node {
			continue
		}
		node++
		if p.Namespace == culprit.Namespace {
			namespace++
			if p.ServiceAccount() == culprit.ServiceAccount() {
				account++
			}
		}
	}
	if !(1 < account && account < namespace && namespace < node) {
		t.Errorf("groups of %d, %d, %d pods: want each larger", account, namespace, node)
	}
}
