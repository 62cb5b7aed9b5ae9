package drill

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

func names(subjects []lab.Subject) (all []string) {
	for _, s := range subjects {
		all = append(all, s.Name)
	}
	return all
}

func TestSubjects(t *testing.T) {
	kubelet := measure.Restart{Mode: RestartKubelet, TimeScale: 0.1}
	got, err := Subjects(DefaultIsolations, kubelet)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"sidecar", "workload", "shared (as ztunnel)", "shared (custody on)"}
	if d := cmp.Diff(want, names(got)); d != "" {
		t.Error(d)
	}
	if a, c := got[2], got[3]; a.Custody != lab.CustodyCell || a.Liveness || c.Custody != lab.CustodyAnchor || !c.Liveness {
		t.Errorf("the two rows of shared: %+v, %+v", a, c)
	}
	for i, delay := range []time.Duration{time.Second, 500 * time.Millisecond, time.Second, 500 * time.Millisecond} {
		if d := restartDelay(got[i]); d != delay {
			t.Errorf("%s: restart after %v, want %v", got[i].Name, d, delay)
		}
	}
	equal, err := Subjects(DefaultIsolations, measure.Restart{Mode: RestartEqual, TimeScale: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range equal {
		if d := restartDelay(s); d != time.Second {
			t.Errorf("equal: %s: restart after %v, want 1s", s.Name, d)
		}
	}
}

func TestMisuseIsOneSentence(t *testing.T) {
	kubelet := measure.Restart{Mode: RestartKubelet, TimeScale: 0.1}
	_, e1 := Subjects([]string{"sidecars"}, kubelet)
	_, e2 := Subjects([]string{"sidecar", "sidecar"}, kubelet)
	_, e3 := Subjects([]string{"sidecar"}, measure.Restart{Mode: "never", TimeScale: 0.1})
	_, e4 := Subjects([]string{"sidecar"}, measure.Restart{Mode: RestartKubelet})
	p := testParams(lab.Subject{Name: "x", Isolation: lab.None})
	p.Culprit = "tenant-a/chekout"
	e5 := p.Validate(lab.Default())
	p.Culprit = "sentinel/a"
	e6 := p.Validate(lab.Default())
	p = testParams()
	e7 := p.Validate(lab.Default())
	p = testParams(lab.Subject{Name: "x"})
	p.Repeat = 0
	e8 := p.Validate(lab.Default())
	for err, want := range map[error]string{
		e1: "namespace, shared", e2: "given twice", e3: "use kubelet or equal", e4: "outside 0.001 to 1",
		e5: "tenant-a/checkout, tenant-a/catalog", e6: "no pod of the lab", e7: "no isolation", e8: "repeat 0",
	} {
		var misuse *lab.Misuse
		if !errors.As(err, &misuse) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want a misuse with %q in one line", err, want)
		}
	}
}

func TestPlan(t *testing.T) {
	top := lab.Default()
	p := testParams(lab.NodeSubject(lab.Shared, lab.Kubelet(0.1)))
	run := plan(p, top, "id", time.Now())
	if err := run.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(run.Flows) != 2*len(top.Edges)+2+12+len(top.Denied) || len(run.Workloads) != 14 {
		t.Errorf("%d flows and %d workloads", len(run.Flows), len(run.Workloads))
	}
	sentinels, denied := 0, 0
	for i, f := range run.Flows {
		if f.Sentinel {
			sentinels++
			continue
		}
		if f.Denied {
			denied++
			continue
		}
		e := top.Edges[i/2]
		if f.Client != e.From || f.Server != e.To || (f.Kind == load.New) != (i%2 == 0) || f.Target != top.Target(e) {
			t.Errorf("flow %+v is not of edge %+v", f, e)
		}
		if want := top.Source(e); source(f, top) != want {
			t.Errorf("flow %d comes from %v, want %v", i, source(f, top), want)
		}
	}
	if denied != 2 {
		t.Errorf("%d denied flows, want those of the topology", denied)
	}
	if sentinels != 14 {
		t.Errorf("%d sentinel flows, want 2 on the network and 12 in the pods", sentinels)
	}
	if again := plan(p, top, "id", run.Started); !cmp.Equal(run.Flows, again.Flows, byValue...) {
		t.Error("the same seed made other flows")
	}
	p.Load = Load{Long: 200, New: 500}
	if err := p.Validate(top); err != nil {
		t.Fatal(err)
	}
	long, perSecond := 0, 0.0
	for _, f := range plan(p, top, "id", run.Started).Flows {
		switch {
		case f.Sentinel || f.Denied:
		case f.Kind == load.New:
			perSecond += float64(time.Second) / float64(f.Period)
		default:
			long++
		}
	}
	if long != 200 || perSecond < 499.9 || perSecond > 500.1 {
		t.Errorf("%d long-lived connections and %.2f new ones a second, want 200 and 500", long, perSecond)
	}
	for _, bad := range []Load{{Long: 3}, {Long: 10_000}, {New: 100}, {New: 100_000}} {
		if err := bad.validate(len(top.Edges)); err == nil {
			t.Errorf("load %+v passed", bad)
		}
	}
	p.Load = Load{}
	p.Seed++
	if other := plan(p, top, "id", run.Started); cmp.Equal(run.Flows, other.Flows, byValue...) {
		t.Error("another seed made the same offsets")
	}
}

func TestOrderIsTheSeeds(t *testing.T) {
	seen := map[int]bool{}
	differ := false
	for repeat := range 10 {
		o := Order(7, repeat, 4)
		if !cmp.Equal(o, Order(7, repeat, 4)) {
			t.Error("the same seed made another order")
		}
		seen[o[0]] = true
		differ = differ || !cmp.Equal(o, Order(7, 0, 4))
	}
	if !differ || len(seen) < 2 {
		t.Error("repeats are not shuffled")
	}
}
