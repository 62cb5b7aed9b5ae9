package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// No fault is predicted to reach beyond the flows of what was struck; those that end
// the process must reach them, the others may.
func TestForetell(t *testing.T) {
	for _, f := range fault.All() {
		if !slices.Contains([]fault.Effect{fault.Ends, fault.Hampers}, f.Effect()) {
			continue // see below
		}
		for _, isolation := range []string{lab.None, lab.Sidecar, lab.PerWorkload, lab.Shared} {
			subjects, err := Subjects([]string{isolation}, measure.Restart{Mode: RestartKubelet, TimeScale: 0.1})
			if err != nil {
				t.Fatal(err)
			}
			run := plan(Params{Fault: f, Subjects: subjects, Culprit: "tenant-a/checkout", Times: DefaultTimes()}, lab.Default(), "x", time.Now())
			crash, got := Predict(run, subjects[0]), foretell(run, subjects[0], f)
			all := slices.Concat(crash.Must, crash.Waiting)
			lives := f.Effect() == fault.Hampers
			mine := slices.Sorted(slices.Values(slices.Concat(got.Must, got.Waiting)))
			slices.Sort(all)
			if lives && isolation == lab.None { // the culprit itself, and nobody else
				all = mine
				for _, id := range mine {
					if f := run.Flows[id]; f.Client != run.Culprit && f.Server != run.Culprit {
						t.Errorf("without a data plane flow %d of others may be hit", id)
					}
				}
			}
			if !slices.Equal(mine, all) {
				t.Errorf("%s, %s: flows %v, want %v", f.Name(), isolation, mine, all)
			}
			if lives && (len(got.Must) > 0 || got.Absence != 0) {
				t.Errorf("%s, %s: a process that lives must hit nobody: %+v", f.Name(), isolation, got)
			}
			if !lives && len(got.Must) != len(crash.Must) {
				t.Errorf("%s, %s: must hit %v, want %v", f.Name(), isolation, got.Must, crash.Must)
			}
		}
	}
}

// What strikes a node's uplink is for the flows that cross it, whoever serves them, and
// for no sentinel: a cut hits them all, a bad link may, and where small things pass
// nobody is hit.
func TestForetellLinks(t *testing.T) {
	for _, isolation := range []string{lab.None, lab.Sidecar, lab.PerWorkload, lab.Namespace, lab.Shared} {
		subjects, err := Subjects([]string{isolation}, measure.Restart{Mode: RestartKubelet, TimeScale: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		p := Params{Fault: fault.Null{}, Subjects: subjects, Culprit: "tenant-a/checkout", Times: DefaultTimes()}
		top := lab.Default()
		run := plan(p, top, "x", time.Now())
		node := func(pod string) string { w, _ := top.Pod(pod); return w.Node }
		var crossing []int
		for _, f := range run.Flows {
			if !f.Sentinel && !f.Denied && (node(f.Client) == "node-1" || node(f.Server) == "node-1") && node(f.Client) != node(f.Server) {
				crossing = append(crossing, f.ID)
			}
		}
		if len(crossing) != 16 {
			t.Errorf("%d flows cross the uplink of node-1: count again in the picture of the topology", len(crossing))
		}
		for _, s := range subjects {
			for _, c := range []struct {
				f         fault.Fault
				must, may []int
			}{
				{fault.Partition, crossing, nil}, {fault.Latency, nil, crossing}, {fault.Loss, nil, crossing},
				{fault.Flap, nil, crossing}, {fault.MTU, nil, nil},
			} {
				if got := foretell(run, s, c.f); !slices.Equal(got.Must, c.must) || !slices.Equal(got.Waiting, c.may) || got.Absence != 0 {
					t.Errorf("%s, %s: %+v, want must %v, may %v", c.f.Name(), s.Name, got, c.must, c.may)
				}
			}
		}
	}
}

// What strikes above the cells does the same in every isolation of a node, and nothing
// to sidecars: a keeper's death nothing, an anchor's what the death of a shared cell
// without custody does, a replacement ends every long-lived connection.
func TestForetellAboveTheCells(t *testing.T) {
	for _, isolation := range []string{lab.None, lab.Sidecar, lab.PerWorkload, lab.Namespace, lab.Shared} {
		subjects, err := Subjects([]string{isolation}, measure.Restart{Mode: RestartKubelet, TimeScale: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		p := Params{Fault: fault.Null{}, Subjects: subjects, Culprit: "tenant-a/checkout", Times: DefaultTimes()}
		run := plan(p, lab.Default(), "x", time.Now())
		for i, s := range subjects {
			if got := foretell(run, s, fault.KeeperCrash); len(got.Must)+len(got.Waiting) != 0 {
				t.Errorf("%s: keeper-crash hits %+v", s.Name, got)
			}
			anchor, replaced := foretell(run, s, fault.AnchorCrash{}), foretell(run, s, fault.Replace)
			if len(anchor.Waiting) != 0 || replaced.Absence != 0 {
				t.Errorf("%s: anchor-crash %+v, replace %+v", s.Name, anchor, replaced)
			}
			want, wantReplaced, may := 18, 14, 0
			if !s.OnNode() {
				want, wantReplaced = 0, 0
			}
			if isolation == lab.Shared && i == 0 { // as ztunnel: without custody
				may = 14
			}
			if len(anchor.Must) != want || len(replaced.Must) != wantReplaced || len(replaced.Waiting) != may {
				t.Errorf("%s: anchor-crash hits %d, replace %d and perhaps %d; want %d, %d, %d",
					s.Name, len(anchor.Must), len(replaced.Must), len(replaced.Waiting), want, wantReplaced, may)
			}
		}
	}
}

// An application out of hand may harm flows of its own pod, and no others, in every isolation.
func TestForetellForAnApplication(t *testing.T) {
	for _, isolation := range lab.Isolations {
		subjects, err := Subjects([]string{isolation}, measure.Restart{Mode: RestartKubelet, TimeScale: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		run := plan(Params{Fault: fault.AppHog, Subjects: subjects, Culprit: "tenant-a/checkout", Times: DefaultTimes()}, lab.Default(), "x", time.Now())
		got := foretell(run, subjects[0], fault.AppHog)
		if len(got.Must) != 0 || len(got.Waiting) != 4 {
			t.Errorf("%s: must hit %v, may %v, want the 4 of the culprit", isolation, got.Must, got.Waiting)
		}
		for _, id := range got.Waiting {
			if f := run.Flows[id]; f.Client != run.Culprit && f.Server != run.Culprit {
				t.Errorf("%s: flow %d of others may be hit", isolation, id)
			}
		}
	}
}
