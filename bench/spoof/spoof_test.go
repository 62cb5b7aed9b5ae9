package spoof

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft/attack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Who is who follows from the topology.
func TestImposture(t *testing.T) {
	top := lab.Default()
	im, denied, friend, err := imposture(top)
	if err != nil {
		t.Fatal(err)
	}
	if denied.Name() != "tenant-c/web" || friend.Name() != "tenant-b/catalog" || im.Victim.Workload != "tenant-b/db" {
		t.Errorf("%s is denied, %s let in, by %s", denied.Name(), friend.Name(), im.Victim.Workload)
	}
	if im.Victim.Source != friend.IPv4 || im.Victim.As != "spiffe://cluster.local/ns/tenant-b/sa/catalog" || im.Denied != "spiffe://cluster.local/ns/tenant-c/sa/web" {
		t.Errorf("%+v", im)
	}
	victim, _ := top.Pod(im.Victim.Workload)
	if victim.IPv4 != im.Victim.Address.Addr() || im.Node != top.Nodes[0].IPv4 || victim.Node != top.Nodes[0].Name {
		t.Errorf("%+v", im)
	}
	if im.Other.Addr() == victim.IPv4 {
		t.Error("another pod is the victim")
	}
	top.Denied = nil
	if _, _, _, err := imposture(top); !errors.Is(err, errNobody) {
		t.Errorf("without a denied edge: %v", err)
	}
}

// A lie that was believed is a violation; refusals beside a truth that nobody believed
// are an error.
func TestJudge(t *testing.T) {
	lies := []attack.Tally{{Kind: "no certificate", Tried: 9, Error: "alert"}, {Kind: "plaintext", Tried: 8, Succeeded: 2}}
	want := []fault.Check{
		{Name: "no certificate, from the fabric", Tried: 9, Note: "refused: alert"},
		{Name: "plaintext, from the fabric", Tried: 8, Violated: 2},
	}
	for _, c := range []struct {
		truth []attack.Tally
		fails bool
	}{
		{nil, true},
		{[]attack.Tally{{Kind: "truth", Control: true, Tried: 3, Error: "refused"}}, true},
		{[]attack.Tally{{Kind: "truth", Control: true, Tried: 3, Succeeded: 2, Error: "late"}}, false},
		{[]attack.Tally{{Kind: "truth", Control: true, Tried: 3, Succeeded: 3}, {Kind: "another", Control: true, Tried: 1, Error: "403"}}, true},
	} {
		checks, err := judge("from the fabric", append(c.truth, lies...))
		var unbelieved *UnbelievedError
		if errors.As(err, &unbelieved) != c.fails {
			t.Errorf("%+v: error %v", c.truth, err)
		}
		if diff := cmp.Diff(want, checks); diff != "" {
			t.Error(diff)
		}
	}
}
