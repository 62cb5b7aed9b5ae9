package trust

import "time"

var start = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// story is a small mesh: checkout has two replicas, web is another tenant's. One cell
// serves the replicas, another web.
func story() *Record {
	id := func(name string) string { return "spiffe://cluster.local/ns/" + name }
	issued := func(name string, left time.Duration) Issued {
		return Issued{Identity: id(name), PublicKey: []byte{1}, NotAfter: start.Add(left)}
	}
	jailed := Powers{UID: 70_000, Capabilities: []string{"net_raw", "sys_admin"}, NoNewPrivs: true, Filtered: true, Calls: 82,
		Netns: "node-1", NetnsFDs: []string{"a/checkout", "a/checkout-2"}, OwnPIDs: true}
	alone := jailed
	alone.UID, alone.Capabilities, alone.Netns, alone.NetnsFDs = 70_001, []string{"net_raw"}, "b/web", []string{}
	found := func(keys ...int) []Found {
		all := []Found{}
		for _, k := range keys {
			all = append(all, Found{Key: k, Forms: map[string]int{"words": 1}})
		}
		return all
	}
	return &Record{
		Schema: Schema, ID: "story", Started: start, Version: "test", Host: Host{Kernel: "6.18", CPUs: 2, Privileged: true},
		Culprit: "a/checkout",
		Workloads: []Workload{
			{"a/checkout", id("a/checkout"), "node-1"}, {"a/checkout-2", id("a/checkout"), "node-1"}, {"b/web", id("b/web"), "node-1"},
		},
		Flows: []Flow{{"b/web", "a/checkout"}, {"b/web", "a/checkout-2"}, {"a/checkout", "a/checkout-2"}},
		Subjects: []Subject{{
			Name: "service-account", Isolation: "service-account", At: start,
			Issued: []Issued{issued("a/checkout", 59*time.Minute), issued("b/web", 10*time.Minute), issued("b/web", -time.Minute)},
			Processes: []Process{
				{Name: "node-1 a", Role: RoleCell, Node: "node-1", PID: 10, Pods: []string{"a/checkout", "a/checkout-2"}, Found: found(0),
					Scan: Scan{Bytes: 2 << 20, Tested: 40_000}, Signable: []string{id("a/checkout")}, Powers: jailed},
				{Name: "node-1 b", Role: RoleCell, Node: "node-1", PID: 11, Pods: []string{"b/web"}, Found: found(1, 2),
					Scan: Scan{Bytes: 1 << 20, Tested: 30_000}, Signable: []string{id("b/web")}, Powers: alone},
				{Name: "node-1 keeper", Role: RoleKeeper, Node: "node-1", PID: 3, Pods: []string{}, Found: found(),
					Signable: []string{id("a/checkout"), id("b/web")}, Powers: Powers{Capabilities: []string{"net_admin"}, Netns: "node-1"}},
			},
			Attempts: []Attempt{
				{By: ByCell, Kind: "SVID from the keeper", Target: "a/checkout-2", Outcome: Succeeded},
				{By: ByCell, Kind: "SVID from the keeper", Target: "b/web", Outcome: Refused, Errno: "not of this cell"},
				{By: ByCell, Kind: "setns", Target: "b/web", Outcome: Refused, Errno: "EPERM"},
				{By: ByCell, Kind: "setns", Target: "node-1", Outcome: Refused, Errno: "ENOENT"},
				{By: ByCell, Kind: "signal", Target: Self, Outcome: Succeeded},
				{By: ByApplication, Kind: "trace the proxy", Target: "a/checkout", Outcome: Killed},
			},
		}},
	}
}
