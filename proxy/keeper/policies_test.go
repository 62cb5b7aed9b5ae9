package keeper

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
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
