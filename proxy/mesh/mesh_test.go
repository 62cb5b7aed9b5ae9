package mesh

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

const meshFile = `
trustDomain: cluster.local
workloads:
- {uid: a/web, name: web, namespace: a, serviceAccount: web, node: n1, addresses: [10.0.0.1, "fd00::1"], protocol: HBONE}
- {uid: a/db, name: db, namespace: a, node: n2, addresses: [10.0.0.2], protocol: HBONE}
- {uid: b/old, name: old, namespace: b, serviceAccount: old, node: n2, addresses: [10.0.0.3], protocol: TCP}
services:
- {name: web, namespace: a, addresses: [10.96.0.1, "fd00:96::1"], ports: [{port: 80, target: 8080}], endpoints: [a/web]}
- {name: none, namespace: a, addresses: [10.96.0.2], ports: [{port: 80, target: 8080}], endpoints: []}
policies:
- {name: deny-old, namespace: a, scope: namespace, action: DENY, rules: [{sourceIPs: [10.0.0.3/32]}]}
- {name: only-db, scope: workload, workloads: [a/db], action: ALLOW, rules: [{namespaces: [a]}]}
`

func parse(t *testing.T) *Snapshot {
	t.Helper()
	s, err := Parse([]byte(meshFile), 7)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func id(t *testing.T, ns, sa string) identity.ID {
	t.Helper()
	v, err := identity.New("cluster.local", ns, sa)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Conformance 65: an address means its workload, or its service, or nobody of the mesh.
func TestResolve(t *testing.T) {
	s := parse(t)
	web := func(a string) []Endpoint {
		return []Endpoint{{Workload: "a/web", Address: netip.MustParseAddrPort(a), Protocol: HBONE, Identity: id(t, "a", "web"), Weight: 1}}
	}
	for _, c := range []struct {
		name, dst string
		want      Answer
	}{
		{"workload", "10.0.0.1:9000", Answer{Kind: Mesh, Version: 7, Endpoints: web("10.0.0.1:9000")}},
		{"workload v6", "[fd00::1]:9000", Answer{Kind: Mesh, Version: 7, Endpoints: web("[fd00::1]:9000")}},
		{"v4 in v6", "[::ffff:10.0.0.1]:9000", Answer{Kind: Mesh, Version: 7, Endpoints: web("10.0.0.1:9000")}},
		{"plain workload", "10.0.0.3:1", Answer{Kind: Mesh, Version: 7, Endpoints: []Endpoint{{Workload: "b/old", Address: netip.MustParseAddrPort("10.0.0.3:1"), Protocol: TCP, Identity: id(t, "b", "old"), Weight: 1}}}},
		{"service translates the port", "10.96.0.1:80", Answer{Kind: Mesh, Version: 7, Service: "web.a.svc.cluster.local", Endpoints: web("10.0.0.1:8080")}},
		{"service keeps the family", "[fd00:96::1]:80", Answer{Kind: Mesh, Version: 7, Service: "web.a.svc.cluster.local", Endpoints: web("[fd00::1]:8080")}},
		{"service without the port", "10.96.0.1:81", Answer{Kind: Mesh, Version: 7, Service: "web.a.svc.cluster.local", Refusal: NoPort, Reason: "service web.a.svc.cluster.local has no port 81"}},
		{"service without endpoints", "10.96.0.2:80", Answer{Kind: Mesh, Version: 7, Service: "none.a.svc.cluster.local", Refusal: NoUpstream, Reason: "no healthy upstream"}},
		{"outside the mesh", "192.0.2.1:443", Answer{Kind: NotMesh, Version: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.Resolve("a/web", netip.MustParseAddrPort(c.dst))
			if d := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b identity.ID) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
}

// An address is never passthrough before a snapshot exists.
func TestResolveBeforeTheFirstSnapshotIsUnknown(t *testing.T) {
	var s *Snapshot
	if a := s.Resolve("a/web", netip.MustParseAddrPort("10.0.0.1:1")); a.Kind != Unknown {
		t.Errorf("kind %v, want unknown", a.Kind)
	}
}

func TestPoliciesOfAWorkload(t *testing.T) {
	s := parse(t)
	for uid, want := range map[string]string{"a/web": "deny-old", "a/db": "only-db deny-old", "b/old": ""} {
		w, _ := s.Workload(uid)
		var names []string
		for _, p := range s.Policies(w).Policies {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: policies %q, want %q", uid, got, want)
		}
	}
}

func TestDecide(t *testing.T) {
	allow := func(r ...Rule) Policy { return Policy{Name: "allow", Namespace: "n", Action: Allow, Rules: r} }
	deny := func(r ...Rule) Policy { return Policy{Name: "deny", Namespace: "n", Action: Deny, Rules: r} }
	web := Connection{Peer: id(t, "a", "web"), Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddrPort("10.0.0.2:5432")}
	plain := Connection{Source: web.Source, Destination: web.Destination}
	for _, c := range []struct {
		name     string
		policies []Policy
		conn     Connection
		allowed  bool
	}{
		{"no policy", nil, plain, true},
		{"allow without rules matches nothing", []Policy{allow()}, web, false},
		{"deny without rules matches nothing", []Policy{deny()}, web, true},
		{"empty rule matches all", []Policy{deny(Rule{})}, web, false},
		{"deny before allow", []Policy{allow(Rule{}), deny(Rule{Match: Match{Ports: []uint16{5432}}})}, web, false},
		{"deny elsewhere", []Policy{deny(Rule{Match: Match{Ports: []uint16{80}}})}, web, true},
		{"principal", []Policy{allow(Rule{Match: Match{Principals: []string{"cluster.local/ns/a/sa/web"}}})}, web, true},
		{"principal with scheme", []Policy{allow(Rule{Match: Match{Principals: []string{"spiffe://cluster.local/ns/a/sa/web"}}})}, web, true},
		{"principal prefix", []Policy{allow(Rule{Match: Match{Principals: []string{"cluster.local/ns/a/*"}}})}, web, true},
		{"other principal", []Policy{allow(Rule{Match: Match{Principals: []string{"cluster.local/ns/b/sa/web"}}})}, web, false},
		{"no identity never matches an identity field", []Policy{allow(Rule{Match: Match{Principals: []string{"*"}}})}, plain, false},
		{"namespace", []Policy{allow(Rule{Match: Match{Namespaces: []string{"b", "a"}}})}, web, true},
		{"namespace without identity", []Policy{allow(Rule{Match: Match{Namespaces: []string{"a"}}})}, plain, false},
		{"all fields must match", []Policy{allow(Rule{Match: Match{Namespaces: []string{"a"}, Ports: []uint16{80}}})}, web, false},
		{"any rule may match", []Policy{allow(Rule{Match: Match{Ports: []uint16{80}}}, Rule{Match: Match{Namespaces: []string{"a"}}})}, web, true},
		{"source", []Policy{deny(Rule{Match: Match{SourceIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}})}, plain, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(c.policies, c.conn)
			if d.Allowed != c.allowed {
				t.Errorf("allowed %v (%s), want %v", d.Allowed, d, c.allowed)
			}
			if d.Allowed != (d.Reason == "") {
				t.Errorf("allowed %v, reason %q", d.Allowed, d.Reason)
			}
		})
	}
}

func TestParseRejects(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown key":         {"trustDomain:", "trustdomian: x\ntrustDomain:", "unknown field"},
		"unknown protocol":    {"protocol: TCP", "protocol: UDP", "use TCP or HBONE"},
		"identity in a file":  {"uid: b/old,", "uid: b/old, identity: x,", "unknown field"},
		"two of one address":  {"10.0.0.3]", "10.0.0.2]", "belongs to a/db already"},
		"two of one uid":      {"uid: b/old", "uid: a/db", "appears twice"},
		"endpoint unknown":    {"endpoints: [a/web]", "endpoints: [a/wbe]", "no workload"},
		"vip is a workload's": {"10.96.0.2", "10.0.0.1", "in use already"},
		"action":              {"action: DENY", "action: deny", "use ALLOW or DENY"},
		"scope":               {"scope: namespace", "scope: all", "use global, namespace or workload"},
		"bad trust domain":    {"trustDomain: cluster.local", "trustDomain: Not/Valid", "trust domain"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(meshFile, c.from, c.to, 1)
			if text == meshFile {
				t.Fatal("the test changed nothing")
			}
			_, err := Parse([]byte(text), 1)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestWireKeepsTheIdentity(t *testing.T) {
	w, _ := parse(t).Workload("a/db")
	b, err := w.Wire()
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromWire(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Identity != w.Identity || got.UID != w.UID || got.ServiceAccount != "default" {
		t.Errorf("got %+v, want %+v", got, w)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(meshFile))
	f.Add([]byte("workloads: [{uid: x}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b, 1)
		if err != nil {
			return
		}
		for w := range s.EveryWorkload() {
			if w.Identity.IsZero() || len(w.Addresses) == 0 {
				t.Errorf("workload %q without identity or address was accepted", w.UID)
			}
			for _, a := range w.Addresses {
				s.Resolve(w.UID, netip.AddrPortFrom(a, 80))
			}
		}
	})
}

func FuzzFromWire(f *testing.F) {
	s, err := Parse([]byte(meshFile), 1)
	if err != nil {
		f.Fatal(err)
	}
	w, _ := s.Workload("a/web")
	b, err := w.Wire()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(b))
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := FromWire(b); err == nil && (w.UID == "" || w.Identity.IsZero()) {
			t.Error("accepted a workload without uid or identity")
		}
	})
}
