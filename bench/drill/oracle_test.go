package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// flowsOf are the two flows of each edge: flow 2e is new, 2e+1 is reused.
func flowsOf(kind string, edges ...int) (ids []int) {
	for _, e := range edges {
		switch kind {
		case load.New:
			ids = append(ids, 2*e)
		case load.Reused:
			ids = append(ids, 2*e+1)
		default:
			ids = append(ids, 2*e, 2*e+1)
		}
	}
	return ids
}

// The default topology has on node-1: a/checkout, b/web, b/db, c/catalog. Edges, in
// order: within each tenant 0 web-checkout, 1 web-catalog, 2 checkout-db, 3
// catalog-db (a from 0, b from 4, c from 8), 12 c/catalog-b/db, 13
// b/checkout-a/catalog.
func TestPredictByHand(t *testing.T) {
	node1 := []int{0, 2, 4, 5, 6, 7, 9, 11, 12} // edges with an end on node-1
	kubelet := lab.Kubelet(0.1)
	node := func(isolation string) lab.Subject { return lab.NodeSubject(isolation, kubelet) }
	sidecar, _ := lab.SubjectOf(lab.Sidecar, kubelet)
	none, _ := lab.SubjectOf(lab.None, kubelet)
	for _, tc := range []struct {
		name    string
		subject lab.Subject
		culprit string
		want    Prediction
	}{
		{"a sidecar serves its pod", sidecar, "tenant-a/checkout", Prediction{Must: flowsOf("", 0, 2)}},
		{"shared without custody", lab.SharedAsZtunnel(kubelet), "tenant-a/checkout", Prediction{Must: flowsOf("", node1...)}},
		{"shared does not ask who is to blame", lab.SharedAsZtunnel(kubelet), "tenant-c/catalog", Prediction{Must: flowsOf("", node1...)}},
		{"shared with custody", node(lab.Shared), "tenant-b/db",
			Prediction{flowsOf(load.Reused, node1...), flowsOf(load.New, node1...), 500 * time.Millisecond}},
		{"a cell per workload", node(lab.PerWorkload), "tenant-a/checkout",
			Prediction{flowsOf(load.Reused, 0, 2), flowsOf(load.New, 0, 2), 500 * time.Millisecond}},
		{"a namespace with two pods on the node", node(lab.Namespace), "tenant-b/web",
			Prediction{flowsOf(load.Reused, 4, 5, 6, 7, 12), flowsOf(load.New, 4, 5, 6, 7, 12), 500 * time.Millisecond}},
		{"a service account with one pod on the node", node(lab.ServiceAccount), "tenant-b/web",
			Prediction{flowsOf(load.Reused, 4, 5), flowsOf(load.New, 4, 5), 500 * time.Millisecond}},
		{"a namespace with one pod on the node", node(lab.Namespace), "tenant-a/checkout",
			Prediction{flowsOf(load.Reused, 0, 2), flowsOf(load.New, 0, 2), 500 * time.Millisecond}},
		{"nothing dies where nothing is", none, "tenant-a/checkout", Prediction{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := testParams(tc.subject)
			p.Culprit = tc.culprit
			got := Predict(plan(p, lab.Default(), "x", time.Now()), tc.subject)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func testParams(subjects ...lab.Subject) Params {
	return Params{
		Fault: fault.Crash{}, Subjects: subjects, Culprit: "tenant-a/checkout", Seed: 7, Repeat: 1,
		Restart: measure.Restart{Mode: RestartKubelet, TimeScale: 0.1}, Version: "test", Times: DefaultTimes(),
	}
}

// Replicas of one identity share a cell per service account, also beside others of
// their namespace.
func TestPredictReplicas(t *testing.T) {
	pods := []lab.Pod{
		{Namespace: "a", App: "web", Node: "n"}, {Namespace: "a", App: "db", Node: "n"}, {Namespace: "b", App: "web", Node: "n"},
		{Namespace: "a", App: "far", Node: "m"},
	}
	var run measure.Run
	for i, p := range pods {
		run.Workloads = append(run.Workloads, measure.Workload{Name: p.Name(), Namespace: p.Namespace, ServiceAccount: p.App, Node: p.Node})
		run.Flows = append(run.Flows, measure.Flow{ID: i, Kind: load.Reused, Client: p.Name(), Server: p.Name()})
	}
	replica := measure.Workload{Name: "a/web-2", Namespace: "a", ServiceAccount: "web", Node: "n"}
	run.Workloads = append(run.Workloads, replica)
	run.Flows = append(run.Flows, measure.Flow{ID: 4, Kind: load.Reused, Client: replica.Name, Server: replica.Name})
	run.Culprit = "a/web"
	for isolation, want := range map[string][]int{
		lab.Shared: {0, 1, 2, 4}, lab.Namespace: {0, 1, 4}, lab.ServiceAccount: {0, 4}, lab.PerWorkload: {0}, lab.Sidecar: {0}, lab.None: nil,
	} {
		if got := Predict(&run, lab.Subject{Isolation: isolation, Custody: lab.CustodyCell}).Must; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", isolation, got, want)
		}
	}
}

// The finer the isolation, the smaller the set; and the culprit's own flows are in
// each of them.
func TestFinerIsolationPredictsLess(t *testing.T) {
	finer := []string{lab.Shared, lab.Namespace, lab.ServiceAccount, lab.PerWorkload, lab.Sidecar}
	top := lab.Default()
	for _, pod := range top.Pods {
		p := testParams(lab.NodeSubject(lab.Shared, lab.Kubelet(0.1)))
		p.Culprit = pod.Name()
		run := plan(p, top, "x", time.Now())
		var before []int
		for i, isolation := range finer {
			s, _ := lab.SubjectOf(isolation, lab.Kubelet(0.1))
			pr := Predict(run, s)
			all := slices.Sorted(slices.Values(slices.Concat(pr.Must, pr.Waiting)))
			for _, f := range run.Flows {
				if own := !f.Sentinel && !f.Denied && (f.Client == pod.Name() || f.Server == pod.Name()); own && !slices.Contains(all, f.ID) {
					t.Errorf("%s of %s misses its own flow %d", isolation, pod.Name(), f.ID)
				}
			}
			for _, id := range all {
				if i > 0 && !slices.Contains(before, id) {
					t.Errorf("%s of %s has flow %d, which %s has not", isolation, pod.Name(), id, finer[i-1])
				}
			}
			before = all
		}
	}
}

func TestRestartDelays(t *testing.T) {
	kubelet := lab.Kubelet(0.1)
	sidecar, _ := lab.SubjectOf(lab.Sidecar, kubelet)
	for want, s := range map[time.Duration]lab.Subject{
		time.Second:            sidecar,
		500 * time.Millisecond: lab.NodeSubject(lab.Shared, kubelet),
		0:                      {Isolation: lab.None, Restart: kubelet},
	} {
		if got := restartDelay(s); got != want {
			t.Errorf("%s: %v, want %v", s.Isolation, got, want)
		}
	}
	if got := restartDelay(lab.SharedAsZtunnel(kubelet)); got != time.Second {
		t.Errorf("shared as ztunnel: %v, want 1s", got)
	}
}

// Control and what it refuses reach nobody; what every proxy is told reaches every flow
// of the mesh, and nobody without a data plane.
func TestPredictControl(t *testing.T) {
	if fault.PartCA != lab.CA || fault.PartDiscovery != lab.Discovery || fault.PartReplica != lab.Replica {
		t.Error("a fault and the lab call the parts of control differently")
	}
	for _, isolation := range []string{lab.None, lab.Sidecar, lab.PerWorkload, lab.Shared} {
		s, _ := lab.SubjectOf(isolation, lab.Kubelet(0.1))
		run := plan(testParams(s), lab.Default(), "x", time.Now())
		for _, f := range []fault.Fault{
			fault.ControlDown, fault.ControlSlow, fault.ControlStale, fault.ControlPartial, fault.TypeRejected, fault.CADown, fault.RootRotation, fault.ClockJump, fault.BadPush, fault.EndpointsGone,
		} {
			if got := foretell(run, s, f); len(got.Must)+len(got.Waiting) > 0 {
				t.Errorf("%s, %s: %+v, want nobody", f.Name(), isolation, got)
			}
		}
		var want []int
		if isolation != lab.None {
			for e := range len(lab.Default().Edges) {
				want = append(want, flowsOf("", e)...)
			}
		}
		if got := foretell(run, s, fault.DenyAll); !slices.Equal(got.Must, want) || len(got.Waiting) > 0 {
			t.Errorf("%s: %+v, want %v", isolation, got, want)
		}
		may := 0
		if isolation == lab.Sidecar {
			may = len(want)
		}
		if got := foretell(run, s, fault.BigPush); len(got.Must) > 0 || len(got.Waiting) != may || got.Absence > 0 {
			t.Errorf("%s, big-push: %+v, want that %d may be hit", isolation, got, may)
		}
		want = slices.DeleteFunc(want, func(id int) bool { return run.Flows[id].Kind != load.New })
		if got := foretell(run, s, fault.SVIDExpiry); !slices.Equal(got.Must, want) || len(got.Waiting) > 0 {
			t.Errorf("%s, svid-expiry: %+v, want %v", isolation, got, want)
		}
	}
}
