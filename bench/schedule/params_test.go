package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

var s0 = time.Unix(1700000000, 0)

// What a file is checked against without a lab is what the lab has.
func TestFilesKnowTheLab(t *testing.T) {
	if !slices.Equal(experiment.Isolations, lab.Isolations) {
		t.Errorf("isolations: %v, the lab has %v", experiment.Isolations, lab.Isolations)
	}
	if !slices.Equal(experiment.Transports, lab.Transports) {
		t.Errorf("transports: %v, the lab has %v", experiment.Transports, lab.Transports)
	}
	if !slices.Equal(experiment.Restarts, []string{drill.RestartKubelet, drill.RestartEqual}) {
		t.Errorf("restarts: %v", experiment.Restarts)
	}
	if experiment.KeyTheft != theft.Name {
		t.Errorf("%q is %q", experiment.KeyTheft, theft.Name)
	}
	top := lab.Default()
	for _, p := range top.Pods {
		if _, err := experiment.Parse("f", []byte("method: {fault: crash}\nculprit: "+p.Name())); err != nil {
			t.Errorf("%s is no culprit: %v", p.Name(), err)
		}
	}
	// As many long-lived connections as there are edges is the least.
	least := experimentOf(t, "method: {fault: crash}\nload: {long: 14}")
	if err := Check(least); err != nil || len(top.Edges) != 14 {
		t.Errorf("%d edges: %v", len(top.Edges), err)
	}
}

// A file that says nothing is the drill of today.
func TestUsualParams(t *testing.T) {
	p, err := Params(experimentOf(t, "method: {fault: crash}"), Who{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	want := drill.DefaultTimes()
	want.Undone = want.Null
	if d := cmp.Diff(want, p.Times); d != "" {
		t.Error(d)
	}
	if p.Culprit != "tenant-a/checkout" || p.Seed != 7 || p.Repeat != 1 || p.Restart.TimeScale != 0.1 || len(p.Subjects) != 4 {
		t.Errorf("%+v", p)
	}
	theft := experimentOf(t, "method: {fault: key-theft}\nculprit: tenant-a/checkout-2") // which only its own lab has
	if err := Check(theft); err != nil || len(theft.Isolations) != 5 {
		t.Errorf("%v: %+v", err, theft)
	}
	theft.Culprit = "tenant-a/nobody"
	if err := Check(theft); err == nil {
		t.Error("nobody is robbed")
	}
}

func TestTopologyOfAFile(t *testing.T) {
	e := experimentOf(t, `
method: {fault: crash}
culprit: shop/db
topology:
  nodes: 2
  pods:
  - {namespace: shop, app: web, node: 1}
  - {namespace: shop, app: db, account: store, node: 2, ipv6: false}
graph:
  edges: [{from: shop/web, to: shop/db}]
  denied: [{from: shop/db, to: shop/web}]
`)
	top, err := Topology(e)
	if err != nil {
		t.Fatal(err)
	}
	db, ok := top.Pod("shop/db")
	if !ok || db.Node != "node-2" || db.ServiceAccount() != "store" || db.IPv6.IsValid() || !db.IPv4.IsValid() {
		t.Errorf("%+v", db)
	}
	if len(top.Nodes) != 2 || len(top.Sentinels) != 2 || len(top.Services) != 2 || len(top.Edges) != 1 || len(top.Denied) != 1 {
		t.Errorf("%+v", top)
	}
	if err := Check(e); err != nil {
		t.Error(err)
	}
}

// Every name of the catalogue can be run as it stands, and says how long that takes.
func TestCatalogueCanBeRun(t *testing.T) {
	for _, e := range All() {
		if err := Check(e); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if d := Estimate([]experiment.Experiment{e}); d < 10*time.Second || d > 10*time.Minute {
			t.Errorf("%s takes about %v", e.Name, d)
		}
		if a := About(e); a.Title == "" || a.Group == "" || a.Look == "" {
			t.Errorf("%s: %+v", e.Name, a)
		}
	}
}

func TestOwnWordsGoFirst(t *testing.T) {
	e := experimentOf(t, "method: {fault: crash}\nabout: {title: Ours, incident: It was us.}")
	a, catalogue := About(e), fault.Crash{}.About()
	if a.Title != "Ours" || a.Incident != "It was us." || a.Source != "" || a.Expect != catalogue.Expect {
		t.Errorf("%+v", a)
	}
}

// TestQuick also says which incidents are missing.
func TestQuick(t *testing.T) {
	all, missing := Quick()
	if len(all)+len(missing) != 12 {
		t.Errorf("%d drills and %d missing, want 12", len(all), len(missing))
	}
	for i := range all {
		e := &all[i]
		e.Isolations = []string{lab.Shared, lab.PerWorkload, lab.Sidecar}
		p, err := Params(*e, Who{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Times.Null != 4*time.Second || p.Times.Undone != 4*time.Second || p.Times.Baseline != time.Second {
			t.Errorf("%s: %+v", e.Name, p.Times)
		}
		if l, ok := p.Fault.(fault.Lasting); ok && experiment.HasLength(p.Fault) && l.Lasts() != 4*time.Second {
			t.Errorf("%s lasts %v", e.Name, l.Lasts())
		}
	}
	t.Logf("about %v", Estimate(all))
	if d := Estimate(all); d > 25*time.Minute {
		t.Errorf("they take about %v, want less than 25 minutes", d)
	}
	if len(missing) > 0 {
		t.Errorf("not in this catalogue: %v", missing)
	}
}

func experimentOf(t *testing.T, text string) experiment.Experiment {
	t.Helper()
	e, err := experiment.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
