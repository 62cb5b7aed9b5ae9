package lab

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/proxy/keeper"
)

func TestPolicyDelay(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Policy
		want []time.Duration
	}{
		{"kubelet", Kubelet(1), []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 300 * time.Second, 300 * time.Second}},
		{"kubelet, scaled", Kubelet(0.1), []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second}},
		{"equal", Equal(time.Second), []time.Duration{time.Second, time.Second, time.Second}},
		{"keeper", KeeperPolicy, []time.Duration{500 * time.Millisecond, time.Second}},
	} {
		var got []time.Duration
		for n := range c.want {
			got = append(got, c.p.Delay(n))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if d := Kubelet(1).Delay(1 << 30); d != 300*time.Second {
		t.Errorf("after very many deaths: %v", d)
	}
}

func TestSubjectOf(t *testing.T) {
	for _, isolation := range Isolations {
		s, err := SubjectOf(isolation, Kubelet(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.validate(); err != nil {
			t.Errorf("%s: %v", isolation, err)
		}
		if node := isolation != None && isolation != Sidecar; s.OnNode() != node || s.Liveness != node {
			t.Errorf("%s: %+v", isolation, s)
		}
	}
	var misuse *Misuse
	if _, err := SubjectOf("both", Kubelet(1)); !errors.As(err, &misuse) {
		t.Errorf("unknown isolation: %v, want a *Misuse", err)
	}
}

func TestSubjectValidate(t *testing.T) {
	for name, spoil := range map[string]func(*Subject){
		"isolation":     func(s *Subject) { s.Isolation = "" },
		"custody":       func(s *Subject) { s.Custody = "nobody" },
		"budgets":       func(s *Subject) { s.Budgets = "many" },
		"pool":          func(s *Subject) { s.Pool = "on" },
		"no restart":    func(s *Subject) { s.Restart = Policy{} },
		"restart grows": func(s *Subject) { s.Restart.Factor = 0.5 },
		"cells":         func(s *Subject) { s.Cells.Max = 0 },
	} {
		s := NodeSubject(Shared, Kubelet(1))
		spoil(&s)
		if err := s.validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestNodeConfigIsAccepted: the keeper's strict reader takes what the lab writes.
func TestNodeConfigIsAccepted(t *testing.T) {
	l := &Lab{topology: Default(), options: Options{Dir: "/d", Bin: "/b"}, manyUIDs: true}
	stressed := NodeSubject(PerWorkload, Kubelet(1))
	stressed.Pool, stressed.Stressed, stressed.Bin = PoolOff, true, "/other"
	for _, s := range []Subject{NodeSubject(PerWorkload, Kubelet(1)), stressed, SharedAsZtunnel(Kubelet(0.1)), {Isolation: Shared}} {
		b, err := yaml.Marshal(l.nodeConfig(l.topology.Nodes[1], s, "/d/admin.sock"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := keeper.ParseConfig(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if string(c.Isolation) != s.Isolation || c.Liveness.Off == s.Liveness || c.UIDs == nil || c.UIDs.First != 71_000 {
			t.Errorf("%+v became %+v", s, c)
		}
		if off := s.Budgets == BudgetsOff; c.Budgets.Off != off {
			t.Errorf("budgets %q became %+v", s.Budgets, c.Budgets)
		}
		want := s.Cells
		if want == (Policy{}) {
			want = KeeperPolicy
		}
		if got := (Policy{time.Duration(c.Restart.Initial), c.Restart.Factor, time.Duration(c.Restart.Max)}); got != want {
			t.Errorf("restart %+v, want %+v", got, want)
		}
	}
}
