package keeper

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Policies that no packet holds deny everybody, and say so: the old ones would stay in force.
func TestPoliciesThatDoNotFitDenyEverybody(t *testing.T) {
	k, _, log := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	large := mesh.Policy{Name: "large", Namespace: "a", Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{}}}
	for i := range 4000 {
		large.Rules[0].SourceIPs = append(large.Rules[0].SourceIPs, netip.MustParsePrefix(fmt.Sprintf("192.168.%d.%d/32", i/250, i%250)))
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
		var too *tooLargeError
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
		if !strings.Contains(log.String(), "policies too large") {
			return errors.New(log.String())
		}
		return nil
	})
}
