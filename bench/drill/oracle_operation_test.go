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

// By hand, of the same topology as TestPredictByHand: the culprit has the edges 0 and 2. What
// an operator does to one workload is for its own flows, and for neighbours whose cell is
// replaced; a sidecar, and nothing, have no keeper that could do it.
func TestForetellOperations(t *testing.T) {
	others := []int{4, 5, 6, 7, 9, 11, 12} // edges with an end on node-1, but the culprit's
	kubelet := lab.Kubelet(0.1)
	sidecar, _ := lab.SubjectOf(lab.Sidecar, kubelet)
	none, _ := lab.SubjectOf(lab.None, kubelet)
	workload, shared := lab.NodeSubject(lab.PerWorkload, kubelet), lab.NodeSubject(lab.Shared, kubelet)
	mine, long := Prediction{Must: flowsOf("", 0, 2)}, flowsOf(load.Reused, 0, 2)
	for _, tc := range []struct {
		fault   fault.Fault
		subject lab.Subject
		want    Prediction
	}{
		{fault.Drain, none, Prediction{}},
		{fault.Drain, sidecar, Prediction{}},
		{fault.Drain, workload, mine},
		{fault.Drain, shared, mine},
		{fault.Drain, lab.SharedAsZtunnel(kubelet), mine},
		{fault.Regroup, none, Prediction{}},
		{fault.Regroup, sidecar, Prediction{}},
		{fault.Regroup, workload, Prediction{Must: long}},
		{fault.Regroup, shared, Prediction{Must: long, Waiting: flowsOf(load.Reused, others...)}},
		{fault.Rollback, sidecar, Prediction{}},
		{fault.Rollback, workload, Prediction{Must: long}},
		{fault.Rollback, lab.SharedAsZtunnel(kubelet), Prediction{
			Must: long, Waiting: slices.Concat(flowsOf("", others...), flowsOf(load.New, 0, 2)),
		}},
	} {
		run := plan(testParams(tc.subject), lab.Default(), "x", time.Now())
		got := foretell(run, tc.subject, tc.fault)
		for _, p := range []*Prediction{&got, &tc.want} {
			slices.Sort(p.Must)
			slices.Sort(p.Waiting)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s, %s: %s", tc.fault.Name(), tc.subject.Name, d)
		}
		// For flows an upgrade is a replacement.
		if d := cmp.Diff(foretell(run, tc.subject, fault.Replace), foretell(run, tc.subject, fault.Upgrade)); d != "" {
			t.Errorf("upgrade, %s: %s", tc.subject.Name, d)
		}
	}
}
