package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// asking is a mesh for the tables below: app/client asks.
const asking = `
trustDomain: td
workloads:
- {uid: app/client, name: client, namespace: app, node: n1, addresses: [10.0.0.1, "fd00::1"], protocol: HBONE, locality: {region: r1, zone: z1}}
- {uid: app/near, name: near, namespace: app, node: n1, addresses: [10.0.0.2, "fd00::2"], protocol: HBONE, locality: {region: r1, zone: z1}}
- {uid: app/far, name: far, namespace: app, node: n2, addresses: [10.0.0.3, "fd00::3"], protocol: TCP, locality: {region: r1, zone: z2}, capacity: 3}
- {uid: app/sick, name: sick, namespace: app, node: n2, addresses: [10.0.0.4], protocol: HBONE, unhealthy: true, locality: {region: r1, zone: z1}}
- {uid: app/named, name: named, namespace: app, node: n2, addresses: [10.0.0.5], protocol: HBONE, services: {app/web.app.svc.cluster.local: [{port: 81, target: 9081}, {port: 80, target: 9080}]}}
- {uid: app/remote, name: remote, namespace: app, node: m1, addresses: [10.0.0.6], protocol: HBONE, network: elsewhere}
- {uid: app/host, name: host, namespace: app, node: n2, addresses: [10.0.0.7], protocol: HBONE, hostNetwork: true}
- {uid: app/six, name: six, namespace: app, node: n2, addresses: ["fd00::8"], protocol: HBONE}
- {uid: app/behind, name: behind, namespace: app, node: n2, addresses: [10.0.0.9], protocol: HBONE, waypoint: {address: 10.0.0.10, port: 15008}}
- {uid: app/waypoint, name: waypoint, namespace: app, node: n2, addresses: [10.0.0.10], protocol: HBONE, services: {app/way.app.svc.cluster.local: []}}
- {uid: app/zero, name: zero, namespace: app, node: n2, addresses: [10.0.0.11], protocol: HBONE, capacity: 0}
- {uid: other/stranger, name: stranger, namespace: other, node: n1, addresses: [10.0.0.12], protocol: HBONE}
services:
- {name: plain, namespace: app, addresses: [10.96.0.1, "fd96::1"], ports: [{port: 80, target: 8080}], endpoints: [app/near, app/far]}
- {name: health, namespace: app, addresses: [10.96.0.2], ports: [{port: 80, target: 8080}], endpoints: [app/near, app/sick]}
- {name: allhealth, namespace: app, addresses: [10.96.0.3], ports: [{port: 80, target: 8080}], endpoints: [app/near, app/sick], loadBalancing: {allHealth: true}}
- {name: sick, namespace: app, addresses: [10.96.0.4], ports: [{port: 80, target: 8080}], endpoints: [app/sick]}
- {name: web, namespace: app, addresses: [10.96.0.5], ports: [{port: 80, target: 8080}, {port: 81}], endpoints: [app/near, app/named]}
- {name: remote, namespace: app, addresses: [10.96.0.6], ports: [{port: 80, target: 8080}], endpoints: [app/remote, app/sick]}
- {name: mixed, namespace: app, addresses: [10.96.0.7], ports: [{port: 80, target: 8080}], endpoints: [app/remote, app/near]}
- {name: hosts, namespace: app, addresses: [10.96.0.8], ports: [{port: 80, target: 8080}], endpoints: [app/host]}
- {name: six, namespace: app, addresses: [10.96.0.9], ports: [{port: 80, target: 8080}], endpoints: [app/six]}
- {name: four, namespace: app, addresses: [10.96.0.10, "fd96::10"], ports: [{port: 80, target: 8080}], endpoints: [app/six, app/near], families: v4}
- {name: onlysix, namespace: app, addresses: [10.96.0.11], ports: [{port: 80, target: 8080}], endpoints: [app/near], families: v6}
- {name: neither, namespace: app, addresses: ["fd96::12"], ports: [{port: 80, target: 8080}], endpoints: [app/six], families: v4}
- {name: failover, namespace: app, addresses: [10.96.0.13], ports: [{port: 80, target: 8080}], endpoints: [app/far, app/near], loadBalancing: {mode: failover, prefer: [region, zone]}}
- {name: strict, namespace: app, addresses: [10.96.0.14], ports: [{port: 80, target: 8080}], endpoints: [app/far, app/near], loadBalancing: {mode: strict, prefer: [region, zone]}}
- {name: strictfar, namespace: app, addresses: [10.96.0.15], ports: [{port: 80, target: 8080}], endpoints: [app/far], loadBalancing: {mode: strict, prefer: [region, zone]}}
- {name: pass, namespace: app, addresses: [10.96.0.16], ports: [{port: 80, target: 8080}], endpoints: [app/near], loadBalancing: {mode: passthrough}}
- {name: passway, namespace: app, addresses: [10.96.0.17], ports: [{port: 80}], loadBalancing: {mode: passthrough}, waypoint: {hostname: app/way.app.svc.cluster.local, port: 15008}}
- {name: behind, namespace: app, addresses: [10.96.0.18], ports: [{port: 80, target: 8080}], endpoints: [app/near], waypoint: {hostname: app/way.app.svc.cluster.local, port: 15008}}
- {name: tobehind, namespace: app, addresses: [10.96.0.19], ports: [{port: 80, target: 8080}], endpoints: [app/behind]}
- {name: zero, namespace: app, addresses: [10.96.0.20], ports: [{port: 80, target: 8080}], endpoints: [app/zero, app/near]}
- {name: names, namespace: app, addresses: [10.96.0.21], ports: [{port: 80, target: 8080}], endpoints: [app/near], subjectAltNames: ["spiffe://td/ns/app/sa/alias", "names.example"]}
- {name: private, namespace: other, addresses: [10.96.0.22], ports: [{port: 80, target: 8080}], endpoints: [other/stranger], visibility: namespace}
- {name: othernet, namespace: app, network: elsewhere, addresses: [10.96.0.23], ports: [{port: 80, target: 8080}], endpoints: [app/near]}
- {name: wide, namespace: app, addresses: [], prefixes: [10.97.0.0/16], ports: [{port: 80, target: 1}], endpoints: [app/near]}
- {name: narrow, namespace: app, addresses: [], prefixes: [10.97.1.0/24, "fd97::/64"], ports: [{port: 80, target: 2}], endpoints: [app/near]}
- {name: theirs, namespace: other, addresses: [], prefixes: [10.97.1.128/25], ports: [{port: 80, target: 3}], endpoints: [app/near]}
- {name: hidden, namespace: other, addresses: [], prefixes: [10.98.0.0/16], ports: [{port: 80, target: 4}], endpoints: [app/near], visibility: namespace}
- {name: exact, namespace: other, addresses: [10.97.1.9], ports: [{port: 80, target: 5}], endpoints: [app/near]}
`

// told writes an answer down: UID=address/protocol*weight@rank …, or the refusal.
func told(a Answer) string {
	if a.Kind != Mesh {
		return a.Kind.String()
	}
	if a.Refusal != "" {
		return "refused " + string(a.Refusal)
	}
	var parts []string
	for _, e := range a.Endpoints {
		parts = append(parts, fmt.Sprintf("%s=%s/%s*%d@%d", e.Workload, e.Address, e.Protocol, e.Weight, e.Rank))
	}
	return strings.Join(parts, " ")
}

func TestResolveTable(t *testing.T) {
	s, err := Parse([]byte(asking), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, dst, want string }{
		// Conformance 1: an unknown destination is passed through.
		{"unknown destination", "app/client", "192.0.2.1:443", "not-mesh"},
		// Conformance 2: endpoints on another network are refused, since no gateway can be passed.
		{"only another network", "app/client", "10.96.0.6:80", "refused other-network"},
		{"another network among others", "app/client", "10.96.0.7:80", "app/near=10.0.0.2:8080/HBONE*1@0"},
		{"an address on another network is not ours", "app/client", "10.0.0.6:80", "not-mesh"},
		{"it is, to those who are there", "app/remote", "10.0.0.6:80", "app/remote=10.0.0.6:80/HBONE*1@0"},
		{"a service address on another network", "app/client", "10.96.0.23:80", "not-mesh"},
		// Conformance 5: a plain workload is dialled at its own port, on whatever node.
		{"plain workload", "app/client", "10.0.0.3:80", "app/far=10.0.0.3:80/TCP*1@0"},
		// Conformance 6: a workload of the mesh is reached by HBONE, on the same node as on another.
		{"same node", "app/client", "10.0.0.2:80", "app/near=10.0.0.2:80/HBONE*1@0"},
		{"other node", "app/client", "10.0.0.5:80", "app/named=10.0.0.5:80/HBONE*1@0"},
		// Conformance 7: the source's own waypoint is ignored on the way out.
		{"source behind a waypoint", "app/behind", "10.0.0.2:80", "app/near=10.0.0.2:80/HBONE*1@0"},
		{"workload behind a waypoint", "app/client", "10.0.0.9:80", "refused waypoint"},
		{"its waypoint goes straight", "app/waypoint", "10.0.0.9:80", "app/behind=10.0.0.9:80/HBONE*1@0"},
		{"service behind a waypoint", "app/client", "10.96.0.18:80", "refused waypoint"},
		{"its waypoint, by name", "app/waypoint", "10.96.0.18:80", "app/near=10.0.0.2:8080/HBONE*1@0"},
		{"a service's endpoint behind a waypoint", "app/client", "10.96.0.19:80", "app/behind=10.0.0.9:8080/HBONE*1@0"},
		// Conformance 11: a workload on the host's network is passed by its address and balanced by its service.
		{"host network by address", "app/client", "10.0.0.7:80", "not-mesh"},
		{"host network by service", "app/client", "10.96.0.8:80", "app/host=10.0.0.7:8080/HBONE*1@0"},
		// Conformance 12: a service without endpoints is an error and not passthrough.
		{"nobody healthy", "app/client", "10.96.0.4:80", "refused no-upstream"},
		{"no such port", "app/client", "10.96.0.1:81", "refused no-port"},
		// Conformance 13: a passthrough service is called at the address that was meant.
		{"passthrough service", "app/client", "10.96.0.16:81", "=10.96.0.16:81/TCP*1@0"},
		// Conformance 14: a waypoint comes before passthrough.
		{"passthrough service with a waypoint", "app/client", "10.96.0.17:80", "refused waypoint"},
		// Conformance 15: the service's port is translated, for HBONE and TCP.
		{"target port", "app/client", "10.96.0.1:80", "app/far=10.0.0.3:8080/TCP*3@0 app/near=10.0.0.2:8080/HBONE*1@0"},
		// Conformance 16: a workload with several addresses is called at the one that was meant, else in the family asked for.
		{"its second address", "app/client", "[fd00::2]:80", "app/near=[fd00::2]:80/HBONE*1@0"},
		{"family of the request", "app/client", "[fd96::1]:80", "app/far=[fd00::3]:8080/TCP*3@0 app/near=[fd00::2]:8080/HBONE*1@0"},
		{"the other family if there is no other", "app/client", "10.96.0.9:80", "app/six=[fd00::8]:8080/HBONE*1@0"},
		// Conformance 17: a service may restrict the family.
		{"restricted to IPv4", "app/client", "[fd96::10]:80", "app/near=10.0.0.2:8080/HBONE*1@0"},
		{"restricted to IPv6", "app/client", "10.96.0.11:80", "app/near=[fd00::2]:8080/HBONE*1@0"},
		{"nobody has that family", "app/client", "[fd96::12]:80", "refused no-address"},
		// Conformance 66: who is not known yet waits, and is not passed through.
		{"who asks is not known", "app/nobody", "10.0.0.2:80", "unknown"},
		{"who asks is not known, outside", "app/nobody", "192.0.2.1:80", "unknown"},
		// Conformance 67: the endpoint's own port map comes before the service's target; a named port needs it.
		{"own port map", "app/client", "10.96.0.5:80", "app/named=10.0.0.5:9080/HBONE*1@0 app/near=10.0.0.2:8080/HBONE*1@0"},
		{"named port", "app/client", "10.96.0.5:81", "app/named=10.0.0.5:9081/HBONE*1@0"},
		// Conformance 68: failover keeps the order of localities, strict takes the nearest or nobody.
		{"failover", "app/client", "10.96.0.13:80", "app/near=10.0.0.2:8080/HBONE*1@0 app/far=10.0.0.3:8080/TCP*3@1"},
		{"failover from elsewhere", "app/far", "10.96.0.13:80", "app/far=10.0.0.3:8080/TCP*3@0 app/near=10.0.0.2:8080/HBONE*1@1"},
		{"strict", "app/client", "10.96.0.14:80", "app/near=10.0.0.2:8080/HBONE*1@0"},
		{"strict, nobody near", "app/client", "10.96.0.15:80", "refused no-upstream"},
		{"no capacity", "app/client", "10.96.0.20:80", "app/near=10.0.0.2:8080/HBONE*1@0"},
		{"no capacity, by address", "app/client", "10.0.0.11:80", "app/zero=10.0.0.11:80/HBONE*1@0"},
		// Conformance 70: endpoints that are not healthy are left out, unless the service wants them.
		{"healthy only", "app/client", "10.96.0.2:80", "app/near=10.0.0.2:8080/HBONE*1@0"},
		{"all", "app/client", "10.96.0.3:80", "app/near=10.0.0.2:8080/HBONE*1@0 app/sick=10.0.0.4:8080/HBONE*1@0"},
		{"not healthy, by address", "app/client", "10.0.0.4:80", "app/sick=10.0.0.4:80/HBONE*1@0"},
		// Conformance 73: ranges: the longest wins, in each family, but the own namespace comes first, and an address before a range.
		{"range", "app/client", "10.97.7.7:80", "app/near=10.0.0.2:1/HBONE*1@0"},
		{"narrower range", "other/stranger", "10.97.1.7:80", "app/near=10.0.0.2:2/HBONE*1@0"},
		{"own namespace before a narrower range", "app/client", "10.97.1.200:80", "app/near=10.0.0.2:2/HBONE*1@0"},
		{"the narrowest, for its namespace", "other/stranger", "10.97.1.200:80", "app/near=10.0.0.2:3/HBONE*1@0"},
		{"range of the other family", "app/client", "[fd97::5]:80", "app/near=[fd00::2]:2/HBONE*1@0"},
		{"beside it", "app/client", "[fd97:0:0:1::5]:80", "not-mesh"},
		{"an address before a range", "app/client", "10.97.1.9:80", "app/near=10.0.0.2:5/HBONE*1@0"},
		// Conformance 74: what is visible to its namespace only is not there for others, and what lies beneath shows.
		{"visible", "other/stranger", "10.96.0.22:80", "other/stranger=10.0.0.12:8080/HBONE*1@0"},
		{"not visible", "app/client", "10.96.0.22:80", "not-mesh"},
		{"range not visible", "app/client", "10.98.0.1:80", "not-mesh"},
		{"range visible", "other/stranger", "10.98.0.1:80", "app/near=10.0.0.2:4/HBONE*1@0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.Resolve(c.from, netip.MustParseAddrPort(c.dst))
			if got := told(a); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if (a.Refusal == "") != (a.Reason == "") || a.Kind == Mesh && (a.Refusal == "") != (len(a.Endpoints) > 0) {
				t.Errorf("refusal %q, reason %q, %d endpoints", a.Refusal, a.Reason, len(a.Endpoints))
			}
		})
	}
	t.Run("names of the service", func(t *testing.T) {
		a := s.Resolve("app/client", netip.MustParseAddrPort("10.96.0.21:80"))
		if len(a.Names) != 1 || a.Names[0].String() != "spiffe://td/ns/app/sa/alias" {
			t.Errorf("names %v", a.Names)
		}
	})
}

// Conformance 71: of workloads with one address a pod with HBONE is meant, then a pod, then HBONE, then any.
func TestOutranks(t *testing.T) {
	order := []*Workload{
		{UID: "c//Pod/app/a", Protocol: HBONE}, {UID: "c//Pod/app/b", Protocol: HBONE}, {UID: "c//Pod/app/c"},
		{UID: "c/networking.istio.io/WorkloadEntry/app/a", Protocol: HBONE}, {UID: "c/networking.istio.io/WorkloadEntry/app/b"},
	}
	got := slices.Clone(order)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b *Workload) int { return first(outranks(a, b), outranks(b, a)) })
	if !slices.Equal(got, order) {
		t.Errorf("order %v", got)
	}
}

// sharing is a mesh in which addresses and names are shared.
const sharing = `
trustDomain: td
workloads:
- {uid: app/client, name: client, namespace: app, addresses: [10.0.0.1], protocol: HBONE}
- {uid: other/client, name: client, namespace: other, addresses: [10.0.0.2], protocol: HBONE}
- {uid: third/client, name: client, namespace: third, addresses: [10.0.0.3], protocol: HBONE}
- {uid: app/web, name: web, namespace: app, addresses: [10.0.0.4], protocol: HBONE, services: {
    other/web.example: [{port: 80, target: 1080}], app/web.example: [{port: 80, target: 2080}], third/web.example: [], app/named.example: [{port: 82, target: 3082}], app/gone.example: []}}
services:
- {name: a, namespace: app, hostname: web.example, addresses: [10.96.0.1], ports: [{port: 80, target: 1}]}
- {name: b, namespace: other, hostname: web.example, addresses: [10.96.0.1], ports: [{port: 80, target: 2}], visibility: namespace}
- {name: c, namespace: third, hostname: web.example, addresses: [10.96.0.2], prefixes: [10.96.0.0/24], ports: [{port: 80, target: 3}]}
- {name: d, namespace: fourth, hostname: web.example, addresses: [10.96.0.2], ports: [{port: 80, target: 4}], canonical: true}
- {name: e, namespace: app, hostname: named.example, addresses: [], ports: [{port: 81}, {port: 82}]}
`

// Conformance 74: of services that share an address the asker's own is meant, then a canonical one, of those that it may see.
func TestServicesThatShareAnAddress(t *testing.T) {
	s, err := Parse([]byte(sharing), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, dst, want string }{
		{"own namespace", "app/client", "10.96.0.1:80", "app/web.example"},
		{"own namespace, visible there only", "other/client", "10.96.0.1:80", "other/web.example"},
		{"the one that is visible", "third/client", "10.96.0.1:80", "app/web.example"},
		{"canonical", "app/client", "10.96.0.2:80", "fourth/web.example"},
		{"own namespace before canonical", "third/client", "10.96.0.2:80", "third/web.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, _ := s.Workload(c.from)
			q := question{s: s, from: &from, addr: netip.MustParseAddrPort(c.dst).Addr(), port: 80}
			if v := q.service(); v == nil || v.Key() != c.want {
				t.Errorf("got %+v, want %s", v, c.want)
			}
		})
	}
}

// Conformance 67: a service is served at the endpoint's own ports, else at the service's targets, and not at names that it lacks.
func TestServicesAsTheirEndpointServesThem(t *testing.T) {
	s, err := Parse([]byte(sharing), 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range s.Services("app/web") {
		got = append(got, fmt.Sprint(v.Key(), v.Ports))
	}
	want := []string{"app/named.example[{82 3082 }]", "app/web.example[{80 2080 }]", "other/web.example[{80 1080 }]", "third/web.example[{80 3 }]"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Conformance 72: endpoints that came before their service wait for it, and leave with it or before it.
func TestEndpointsWaitForTheirService(t *testing.T) {
	var workloads, service, gone, noWorkload Change
	for _, w := range []Workload{
		{UID: "app/client", Name: "client", Namespace: "app", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		{UID: "app/web", Name: "web", Namespace: "app", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, Protocol: HBONE, Services: map[string][]Port{"app/web.example": nil}},
		{UID: "app/sick", Name: "sick", Namespace: "app", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.3")}, Protocol: HBONE, Unhealthy: true, Services: map[string][]Port{"app/web.example": nil}},
	} {
		if err := workloads.SetWorkload(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := service.SetService(Service{Name: "web", Namespace: "app", Host: "web.example", Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, Ports: []Port{{Port: 80, Target: 8080}}}); err != nil {
		t.Fatal(err)
	}
	gone.RemoveService("app/web.example")
	noWorkload.RemoveWorkload("app/web")
	var s *Snapshot
	for i, step := range []struct {
		change Change
		want   string
	}{
		{workloads, "not-mesh"},
		{service, "app/web=10.0.0.2:8080/HBONE*1@0"}, // the one that is not healthy was waiting, too
		{gone, "not-mesh"},
		{service, "app/web=10.0.0.2:8080/HBONE*1@0"},
		{noWorkload, "refused no-upstream"},
	} {
		s, _ = s.With(step.change, uint64(i+1))
		if got := told(s.Resolve("app/client", netip.MustParseAddrPort("10.96.0.1:80"))); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

// Two workloads with one address are legal over xDS; the same one is meant everywhere.
func TestWorkloadsThatShareAnAddress(t *testing.T) {
	for range 20 { // maps have no order
		var c Change
		for _, w := range []Workload{
			{UID: "c//Pod/app/web", Protocol: HBONE}, {UID: "c//Pod/app/plain"}, {UID: "c/networking.istio.io/WorkloadEntry/app/web", Protocol: HBONE},
			{UID: "app/client"}, {UID: "c//Pod/app/host", Protocol: HBONE, HostNetwork: true}, {UID: "a//Pod/app/elsewhere", Protocol: HBONE, Network: "elsewhere"},
		} {
			w.Name, w.Namespace, w.Addresses = "x", "app", []netip.Addr{netip.MustParseAddr("10.0.0.1")}
			if err := c.SetWorkload(w); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := (*Snapshot)(nil).With(c, 1)
		if got := told(s.Resolve("app/client", netip.MustParseAddrPort("10.0.0.1:80"))); got != "c//Pod/app/web=10.0.0.1:80/HBONE*1@0" {
			t.Fatal(got)
		}
	}
}
