package keeper

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

func host(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

// Policies of some hundred KiB reach a cell whole, with the descriptors that come with them.
func TestPoliciesOfSomeHundredKiB(t *testing.T) {
	k, _, _ := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	w, _ := k.snapshot.Load().Workload("a/own")
	wire, err := w.Wire()
	if err != nil {
		t.Fatal(err)
	}
	var all []mesh.Policy
	for i := range 100 {
		p := mesh.Policy{Name: fmt.Sprint("p", i), Namespace: "a", Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{}}}
		for j := range 200 {
			p.Rules[0].SourceIPs = append(p.Rules[0].SourceIPs, host(200*i+j))
		}
		all = append(all, p)
	}
	other, file, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	said := &cell.Message{Serve: &cell.Serve{Workload: wire, Policies: all, Generation: "g2", Files: []string{cell.FileNetns}}}
	if err := c.o.post(packet{message: said, files: []*os.File{file}, borrowed: []*os.File{file}}); err != nil {
		t.Fatal(err)
	}
	b, files, err := c.cell.Recv()
	if err != nil {
		t.Fatal(err)
	}
	heard, own, err := cell.Unpack(b, files)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(own)
	if len(own) != 1 || !cmp.Equal(said.Serve, heard.Serve, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) {
		t.Errorf("%d descriptors; the cell hears another Serve than was said", len(own))
	}
	if n := c.x.cell.pushed.bytes.Load(); n < 300<<10 {
		t.Errorf("the push counts as %d bytes", n)
	}
}

// With real processes: a cell judges by policies of some hundred KiB as by any other.
func TestARealCellJudgesBySomeHundredKiB(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.echo(t)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	var ranges strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&ranges, "%s, ", host(i))
	}
	policy := func(client string) {
		n.write(t, "mesh.yaml", n.meshFile()+fmt.Sprintf("policies:\n- {name: many, namespace: a, scope: workload, workloads: [a/server], action: ALLOW, rules: [{sourceIPs: [%s%s]}]}\n", &ranges, client))
	}
	policy("203.0.113.1/32")
	eventually(t, "who is not among them is denied", func() error {
		if n.roundTrip() == nil {
			return errors.New("it is let in")
		}
		return nil
	})
	policy(n.A4.String() + "/32")
	eventually(t, "who is the last of them is let in", n.roundTrip)
}

// Policies that no message holds deny everybody, and say so: the old ones would stay in force.
func TestPoliciesThatDoNotFitDenyEverybody(t *testing.T) {
	k, _, log := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	large := mesh.Policy{Name: "large", Namespace: "a", Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{}}}
	for i := range 250_000 {
		large.Rules[0].SourceIPs = append(large.Rules[0].SourceIPs, host(i))
	}
	w, _ := k.snapshot.Load().Workload("a/own")
	wire, err := w.Wire()
	if err != nil {
		t.Fatal(err)
	}
	denied := func(policies []mesh.Policy, generation string) {
		t.Helper()
		d := mesh.Decide(policies, mesh.Connection{Source: netip.MustParseAddr("10.0.0.9"), Destination: netip.MustParseAddrPort("10.0.0.1:80")})
		if d.Allowed || d.Policy != "bulkhead-system/too-large" || generation != "too-large" {
			t.Errorf("decided %+v, generation %q", d, generation)
		}
	}
	all := []mesh.Policy{large}
	for _, m := range []*cell.Message{{Serve: &cell.Serve{Workload: wire, Policies: all, Generation: "g2"}}, {Judge: &cell.Judge{UID: "a/own", Policies: all, Generation: "g2"}}} {
		var too *unsaidError
		if err := c.o.post(packet{message: m}); !errors.As(err, &too) || too.workload != "a/own" {
			t.Errorf("%v", err)
		}
		switch r := c.reply(t); {
		case r.Serve != nil:
			denied(r.Serve.Policies, r.Serve.Generation)
		case r.Judge != nil:
			denied(r.Judge.Policies, r.Judge.Generation)
		default:
			t.Errorf("the cell hears %+v", r)
		}
	}
	k.running.Go(func() { k.write(c.x, c.o) })
	c.x.tell(&cell.Message{Judge: &cell.Judge{UID: "a/own", Policies: all}})
	c.reply(t)
	eventually(t, "the log says so", func() error {
		if !strings.Contains(log.String(), "policies cannot be said") {
			return errors.New(log.String())
		}
		return nil
	})
}
