package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// By hand, of the same topology as TestPredictByHand. What stands still serves as many
// as what dies would hit, but refuses nobody: all wait, for the fault's time or until a
// keeper that pings has had enough.
func TestForetellProcessFaults(t *testing.T) {
	node1 := []int{0, 2, 4, 5, 6, 7, 9, 11, 12} // edges with an end on node-1
	kubelet := lab.Kubelet(0.1)
	node := func(isolation string) lab.Subject { return lab.NodeSubject(isolation, kubelet) }
	sidecar, _ := lab.SubjectOf(lab.Sidecar, kubelet)
	none, _ := lab.SubjectOf(lab.None, kubelet)
	hang := fault.Hang.For(5 * time.Second)
	dead := fault.HalfDead.For(5 * time.Second)
	must := func(flows []int) Prediction { return Prediction{Must: flows} }
	waits := func(flows []int, d time.Duration) Prediction { return Prediction{Waiting: flows, Absence: d} }
	for _, tc := range []struct {
		name    string
		fault   fault.Fault
		subject lab.Subject
		want    Prediction
	}{
		{"nobody pings a sidecar", hang, sidecar, waits(flowsOf("", 0, 2), 5*time.Second)},
		{"a keeper pings", hang, node(lab.PerWorkload), waits(flowsOf("", 0, 2), lab.KeeperPatience)},
		{"a hang shorter than its patience", fault.Hang.For(time.Second), node(lab.Shared), waits(flowsOf("", node1...), time.Second)},
		{"as ztunnel, nobody pings", hang, lab.SharedAsZtunnel(kubelet), waits(flowsOf("", node1...), 5*time.Second)},
		{"nothing stands still", hang, none, Prediction{}},
		{"a sidecar is half-dead", dead, sidecar, waits(flowsOf(load.New, 0, 2), 5*time.Second)},
		{"a node's cell is half-dead, and pinged", dead, node(lab.Shared), waits(flowsOf(load.New, node1...), 5*time.Second)},
		{"nothing is half-dead", dead, none, Prediction{}},
		{"a panic in a sidecar", fault.Panic, sidecar, waits(flowsOf(load.New, 0, 2), 0)},
		{"a panic in what all share", fault.Panic, node(lab.Shared), waits(flowsOf(load.New, 0, 2), 0)},
		{"a panic of nobody", fault.Panic, none, Prediction{}},
		{"a sidecar is poisoned", fault.Poison, sidecar, must(flowsOf("", 0, 2))},
		{"all are poisoned", fault.Poison, lab.SharedAsZtunnel(kubelet), must(flowsOf("", node1...))},
		{"a sidecar's pod is flushed", fault.RulesFlushed, sidecar, waits(flowsOf("", 0, 2), 0)},
		{"a pod of many is flushed", fault.RulesFlushed, node(lab.Shared), waits(flowsOf("", 0, 2), 0)},
		{"nothing is flushed", fault.RulesFlushed, none, Prediction{}},
		{"a flow is forbidden", fault.PolicyFlip, node(lab.Shared), must(flowsOf("", 2))},
		{"and nobody knows of it", fault.PolicyFlip, none, Prediction{}},
		{"a node's sidecars", fault.NodeRestart{}, sidecar, must(flowsOf("", node1...))},
		{"a node's cells", fault.NodeRestart{}, node(lab.PerWorkload), must(flowsOf("", node1...))},
		{"a node's cell", fault.NodeRestart{}, node(lab.Shared), must(flowsOf("", node1...))},
		{"a node without a proxy", fault.NodeRestart{}, none, Prediction{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := foretell(plan(testParams(tc.subject), lab.Default(), "x", time.Now()), tc.subject, tc.fault)
			for _, p := range []*Prediction{&got, &tc.want} {
				slices.Sort(p.Must)
				slices.Sort(p.Waiting)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
