package mesh

import (
	"encoding/json"
	"net/netip"
	"testing"
)

func forPort(a Action, port uint16) Policy {
	return Policy{Name: string(a) + netip.AddrPortFrom(netip.Addr{}, port).String(), Namespace: "n", Scope: ScopeNamespace, Action: a, Rules: []Rule{{Match: Match{Ports: []uint16{port}}}}}
}

func setOf(t *testing.T, w Workload, policies ...Policy) PolicySet {
	t.Helper()
	s, err := New(File{TrustDomain: "cluster.local", Policies: policies}, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Namespace = "n"
	return s.Policies(w)
}

// Equal policies have equal generations, however they are listed and in whatever process;
// any difference that decides shows.
func TestGeneration(t *testing.T) {
	a, b := forPort(Deny, 80), forPort(Allow, 81)
	g := setOf(t, Workload{}, a, b).Generation
	if other := setOf(t, Workload{}, b, a).Generation; other != g {
		t.Errorf("in another order %s, want %s", other, g)
	}
	wire, err := json.Marshal([]Policy{a, b})
	if err != nil {
		t.Fatal(err)
	}
	var read []Policy
	if err := json.Unmarshal(wire, &read); err != nil {
		t.Fatal(err)
	}
	if other := setOf(t, Workload{}, read...).Generation; other != g {
		t.Errorf("after a journey %s, want %s", other, g)
	}
	if g != "0a4b82a9434e9342" { // a fixed one: in this process everything might be equal
		t.Errorf("generation %s", g)
	}
	clauses := a
	clauses.Rules = []Rule{{Clauses: []Clause{{a.Rules[0].Match}}}}
	if other := setOf(t, Workload{}, clauses, b).Generation; other != g {
		t.Errorf("as xDS has it %s, want %s", other, g)
	}
	dry := a
	dry.DryRun = true
	different := map[string]string{g: "the first"}
	for name, s := range map[string]PolicySet{
		"none": setOf(t, Workload{}), "one": setOf(t, Workload{}, a), "another port": setOf(t, Workload{}, forPort(Deny, 81), b),
		"dry run": setOf(t, Workload{}, dry, b), "an unknown one": setOf(t, Workload{Policies: []string{"n/later"}}, a, b),
	} {
		if same := different[s.Generation]; same != "" {
			t.Errorf("%s has the generation of %s", name, same)
		}
		different[s.Generation] = name
	}
}

// No order of pushes lets anybody in whom both the last complete set and the known part
// of the new one deny.
func TestAfter(t *testing.T) {
	at := func(s PolicySet, port uint16) string {
		d := s.Decide(Connection{Destination: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)})
		return string(d.Reason)
	}
	later := Workload{Policies: []string{"n/later"}}

	first := setOf(t, later, forPort(Allow, 80)).After(nil)
	if at(first, 80) != "policy-unknown" {
		t.Errorf("nothing complete was known before: %q", at(first, 80))
	}
	if s := setOf(t, later).After(&first); at(s, 80) != "policy-unknown" {
		t.Errorf("and still not: %q", at(s, 80))
	}
	complete := setOf(t, Workload{}, forPort(Deny, 80)).After(&first)
	if at(complete, 80) != "denied" || at(complete, 81) != "" {
		t.Errorf("complete: %q, %q", at(complete, 80), at(complete, 81))
	}
	held := setOf(t, later, forPort(Deny, 81), forPort(Allow, 9)).After(&complete)
	if at(held, 80) != "denied" || at(held, 81) != "denied" || at(held, 82) != "" {
		t.Errorf("held: %q, %q, %q", at(held, 80), at(held, 81), at(held, 82))
	}
	if held.Generation != complete.Generation {
		t.Errorf("generation %s, want that of the last complete one", held.Generation)
	}
	again := setOf(t, later, forPort(Deny, 82)).After(&held)
	if at(again, 80) != "denied" || at(again, 81) != "" || at(again, 82) != "denied" {
		t.Errorf("held again: %q, %q, %q", at(again, 80), at(again, 81), at(again, 82))
	}
	if s := setOf(t, Workload{}).After(&again); at(s, 80) != "" {
		t.Errorf("complete again: %q", at(s, 80))
	}
}
