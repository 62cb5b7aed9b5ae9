package lab_test

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// sabotaged is a lab that places something else than it was told to.
type sabotaged struct {
	*lab.Lab
	before func(*lab.Subject) error
}

func (s sabotaged) Place(ctx context.Context, subject lab.Subject) error {
	if err := s.before(&subject); err != nil {
		return err
	}
	return s.Lab.Place(ctx, subject)
}

// TestSabotageIsCaught drills with real processes while somebody spoils the data plane
// behind the drill's back, and once while nobody does.
func TestSabotageIsCaught(t *testing.T) {
	if !lab.Inside(t) {
		return
	}
	l := lab.UpLab(t, nil)
	for _, tc := range []struct {
		name   string
		before func(*lab.Subject) error
		check  func(*testing.T, *measure.Run, *measure.Result)
		needs  *exec.Cmd
	}{
		{"nothing", func(*lab.Subject) error { return nil }, sound, nil},
		// The keeper puts the pods of a namespace into one cell; the record says that
		// each has its own, and so the oracle believes.
		{"two workloads in one cell", func(s *lab.Subject) error { s.Isolation = lab.Namespace; return nil }, mingled, nil},
		// What follows stays.
		{"a hole in the policy", func(*lab.Subject) error { return l.AllowEverything() }, holed, nil},
		{"a clock that is ahead", func(*lab.Subject) error { return l.SkewClock(t.Context(), "tenant-b/db", 1) }, ahead,
			exec.Command("unshare", "--time", "--monotonic", "1", "--fork", "true")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.needs != nil && tc.needs.Run() != nil {
				t.Skip("not here: " + tc.needs.String())
			}
			run, res := drilled(t, sabotaged{l, tc.before}, l.Topology())
			t.Logf("findings %+v; invalid %v", res.Findings, res.Invalid)
			// A machine that is busy with other things makes a flow time out now and then,
			// and not the same way three times.
			for try := 1; tc.name == "nothing" && try < 3 && len(failing(res, measure.FindingDeviation)) != 0; try++ {
				run, res = drilled(t, sabotaged{l, tc.before}, l.Topology())
				t.Logf("again: findings %+v; invalid %v", res.Findings, res.Invalid)
			}
			tc.check(t, run, res)
		})
	}
}

// drilled is a short crash drill of the isolation workload. The culprit shares node and
// namespace with another pod.
func drilled(t *testing.T, l drill.Lab, top lab.Topology) (*measure.Run, *measure.Result) {
	t.Helper()
	kubelet := measure.Restart{Mode: drill.RestartKubelet, TimeScale: 0.1}
	subjects, err := drill.Subjects([]string{lab.PerWorkload}, kubelet)
	if err != nil {
		t.Fatal(err)
	}
	times := drill.DefaultTimes()
	times.Settle, times.Baseline, times.Null = time.Minute, time.Second, time.Second
	p := drill.Params{Fault: fault.Crash{}, Subjects: subjects, Culprit: neighbour(t, top), Seed: 7, Repeat: 1, Restart: kubelet, Version: "test", Times: times}
	dir := t.TempDir()
	if _, err := drill.New(p, nil).Run(t.Context(), l, top, dir); err != nil {
		t.Fatal(err)
	}
	run, records, err := measure.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	res, err := measure.Judge(run, records)
	if err != nil {
		t.Fatal(err)
	}
	return run, res
}

// neighbour is a pod that shares node and namespace with another one, which has a flow
// that does not touch it: that flow shows that they are served by one process.
func neighbour(t *testing.T, top lab.Topology) string {
	t.Helper()
	for _, p := range top.Pods {
		for _, q := range top.Pods {
			touched := func(e lab.Edge) bool {
				return (e.From == q.Name() || e.To == q.Name()) && e.From != p.Name() && e.To != p.Name()
			}
			if p.Name() != q.Name() && p.Node == q.Node && p.Namespace == q.Namespace && slices.ContainsFunc(top.Edges, touched) {
				return p.Name()
			}
		}
	}
	t.Fatal("no two pods of a namespace share a node")
	return ""
}

// failing is the flows of findings of a kind that failed: lateness is what a busy machine
// makes, with sabotage and without.
func failing(res *measure.Result, kind string) (ids []int) {
	for _, f := range res.Findings {
		for _, id := range f.Flows {
			if f.Kind == kind && slices.Contains(res.Outcomes[f.Segment].ErrorFlows, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func admitted(res *measure.Result) (n int) {
	for _, o := range res.Outcomes {
		n += o.Denied.Admitted
	}
	return n
}

func skewed(res *measure.Result) bool {
	return slices.ContainsFunc(res.Invalid, func(why string) bool { return strings.Contains(why, "clock") })
}

func sound(t *testing.T, _ *measure.Run, res *measure.Result) {
	if ids := failing(res, measure.FindingDeviation); len(ids) != 0 || admitted(res) != 0 || skewed(res) {
		t.Errorf("nobody did anything: flows %v failed against the prediction, %d denied connections admitted, invalid %v", ids, admitted(res), res.Invalid)
	}
}

func mingled(t *testing.T, run *measure.Run, res *measure.Result) {
	ids := failing(res, measure.FindingDeviation)
	if len(ids) == 0 {
		t.Fatalf("two workloads in one cell: findings %+v", res.Findings)
	}
	named := false
	for _, f := range res.Findings {
		named = named || f.Kind == measure.FindingDeviation && strings.Contains(f.Text, "hit, not predicted: flow ")
	}
	for _, id := range ids {
		if f := run.Flows[id]; f.Client == run.Culprit || f.Server == run.Culprit {
			t.Errorf("flow %d of the culprit is called a deviation", id)
		}
	}
	if !named {
		t.Errorf("no finding names the flows: %+v", res.Findings)
	}
}

func ahead(t *testing.T, _ *measure.Run, res *measure.Result) {
	if !slices.ContainsFunc(res.Invalid, func(why string) bool {
		return strings.Contains(why, "the clock of the sampler in tenant-b/db is") && strings.Contains(why, "ahead")
	}) {
		t.Errorf("a clock that is a second ahead: invalid %v", res.Invalid)
	}
}

func holed(t *testing.T, _ *measure.Run, res *measure.Result) {
	n := slices.IndexFunc(res.Findings, func(f measure.Finding) bool { return f.Kind == measure.FindingAdmitted })
	if n < 0 || admitted(res) == 0 {
		t.Errorf("a hole in the policy: %d admitted, findings %+v", admitted(res), res.Findings)
	}
}
