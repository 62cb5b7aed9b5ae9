package keeper

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// The lag of a workload's policies begins with the push that changed them, and ends when
// its cell says that they are in force.
func TestPolicyLag(t *testing.T) {
	c := newCell("shared")
	p := newPod(Pod{UID: "a/web"}, nil)
	c.pods["a/web"] = p
	c.pods["a/stranger"] = newPod(Pod{UID: "a/stranger"}, nil)
	check := func(when string, want PolicyStatus, since bool) {
		t.Helper()
		all := c.policies()
		got := all["a/web"]
		if got.Since.IsZero() == since {
			t.Errorf("%s: since %v", when, got.Since)
		}
		got.Since = time.Time{}
		if d := cmp.Diff(want, got); d != "" || len(all) != 1 {
			t.Errorf("%s: %d workloads, %s", when, len(all), d)
		}
	}
	p.policies.want(mesh.PolicySet{Generation: "g1"})
	check("no process", PolicyStatus{Wanted: "g1"}, true)
	c.current = &process{cell: c, now: map[string]telemetry.Counts{}, views: map[string]string{"a/web": "g1"}}
	check("in force", PolicyStatus{Wanted: "g1", InForce: "g1"}, false)
	p.policies.want(mesh.PolicySet{Generation: "g2", Unknown: []string{"a/later"}})
	since := p.policies.since
	check("pushed", PolicyStatus{Wanted: "g2", InForce: "g1", Unknown: []string{"a/later"}}, true)
	p.policies.want(mesh.PolicySet{Generation: "g2"})
	if p.policies.since != since {
		t.Error("a push that changes nothing begins the lag anew")
	}
	c.current.views["a/web"] = "g2"
	check("caught up", PolicyStatus{Wanted: "g2", InForce: "g2"}, false)
}

// quiet is a mesh that nobody runs, and that is known as a whole.
type quiet struct{ source }

func (quiet) Serve(string) {}

func (quiet) Knows(*mesh.Snapshot, string, netip.Addr) bool { return true }

// I2: a push reaches connections that drain wherever the pod itself is meanwhile, and a pod
// that waits for its sidecar.
func TestAPushReachesWhatDrains(t *testing.T) {
	said := func(o *outbox) *cell.Message {
		select {
		case p := <-o.packets:
			return p.message
		default:
			return &cell.Message{}
		}
	}
	away := func(to Isolation) func(*Keeper, *pod) {
		return func(k *Keeper, p *pod) {
			p.cell, p.placed = newCell(string(to)+"/a/own"), to
			k.leave(p)
		}
	}
	for name, push := range map[string]func(*Keeper, *pod){
		"served":             func(k *Keeper, p *pod) { k.serve(p) },
		"drained":            func(k *Keeper, p *pod) { p.drained = true; k.serve(p) },
		"cells have custody": func(k *Keeper, p *pod) { k.config.Custody = CustodyCell; k.serve(p) },
		"moved to sidecar":   away(Sidecar),
		"moved to none":      away(None),
	} {
		t.Run(name, func(t *testing.T) {
			k, _, _ := newTalkingKeeper(t)
			c := talk(t, k, "a/own")
			p := c.x.pods["a/own"]
			p.duties[c.x] = &duty{pod: p, process: c.x, dropping: true}
			push(k, p)
			if m := said(c.o); m.Judge == nil || m.Judge.UID != "a/own" || m.Judge.Generation == "" {
				t.Errorf("the process is told %+v", m)
			}
		})
	}
	t.Run("waits for its sidecar", func(t *testing.T) {
		k, _, _ := newTalkingKeeper(t)
		k.config.Isolation = Sidecar
		c := talk(t, k, "a/own")
		p := c.x.pods["a/own"]
		p.netns, c.x.cell.current = sandbox.NewPair(t).A, c.x
		p.duties[c.x] = &duty{pod: p, process: c.x, ready: true}
		k.assign(p)
		if m := said(c.o); m.Serve == nil || p.cell != c.x.cell {
			t.Errorf("the process is told %+v; the pod is in %s", m, p.cell.group)
		}
	})
}
