package wds

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

var comparable = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b identity.ID) bool { return a == b }),
	cmpopts.IgnoreFields(mesh.Workload{}, "Identity"), // derived
	cmpopts.IgnoreUnexported(mesh.Service{}),
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// there takes one resource through the wire into a snapshot.
func there(t testing.TB, typ, name string, m proto.Message) *mesh.Snapshot {
	t.Helper()
	var b Batch
	if err := b.Add(typ, name, marshal(t, m)); err != nil {
		t.Fatal(err)
	}
	s, _ := (*mesh.Snapshot)(nil).With(b.Change, 1)
	return s
}

func seven() *uint32 { n := uint32(7); return &n }

var fullWorkload = mesh.Workload{
	UID: "c//Pod/a/w", Name: "w", Namespace: "a", ServiceAccount: "sa", Node: "n1", Protocol: mesh.HBONE,
	Addresses:   []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
	TrustDomain: "td", Network: "net", Cluster: "c", Locality: mesh.Locality{Region: "r", Zone: "z", Subzone: "s"},
	HostNetwork: true, Unhealthy: true, Capacity: seven(), Hostname: "host.example",
	Waypoint:      &mesh.Waypoint{Hostname: "a/way.a.svc.cluster.local", Port: 15008},
	CanonicalName: "cn", CanonicalRevision: "v1", Kind: "job", Controller: "j",
	Services: map[string][]mesh.Port{"a/s.a.svc.cluster.local": {{Port: 80, Target: 8080, App: "HTTP2"}}, "a/t": nil},
	Policies: []string{"a/p", "a/q"},
}

var fullService = mesh.Service{
	Name: "s", Namespace: "a", Host: "s.example", Network: "net",
	Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, Prefixes: []netip.Prefix{netip.MustParsePrefix("fd96::/64")},
	Ports: []mesh.Port{{Port: 80, Target: 8080}, {Port: 443, App: "TLS"}}, SubjectAltNames: []string{"spiffe://td/ns/a/sa/x"},
	Balance:  mesh.LoadBalancing{Mode: mesh.BalanceFailover, Prefer: []mesh.LocalityScope{mesh.ScopeNetwork, mesh.ScopeZone}, AllHealth: true},
	Families: mesh.FamiliesDual, Visibility: mesh.VisibleNamespace, Canonical: true,
	Waypoint: &mesh.Waypoint{Address: netip.MustParseAddr("10.0.0.9"), Port: 15008},
}

func TestWorkloadThereAndBack(t *testing.T) {
	for name, w := range map[string]mesh.Workload{
		"everything": fullWorkload,
		"nothing":    {UID: "u", Name: "w", Namespace: "a", ServiceAccount: "default", TrustDomain: "cluster.local", Cluster: "Kubernetes", Kind: "deployment"},
	} {
		got, ok := there(t, AddressType, w.UID, Workload(&w)).Workload(w.UID)
		if d := cmp.Diff(w, got, comparable); !ok || d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestServiceThereAndBack(t *testing.T) {
	for _, v := range []mesh.Service{fullService, {Name: "x", Namespace: "a", Host: "x.a.svc.cluster.local"}} {
		for got := range there(t, AddressType, v.Key(), Service(&v)).EveryService() {
			if d := cmp.Diff(v, *got, comparable); d != "" {
				t.Error(d)
			}
		}
	}
}

func TestPolicyThereAndBack(t *testing.T) {
	full := mesh.Match{
		Principals: []string{"td/ns/a/sa/b", "td/*", "*/sa/b", "*"}, NotPrincipals: []string{"td/ns/x/sa/y"}, Namespaces: []string{"a*"}, NotNamespaces: []string{"*b"},
		ServiceAccounts: []mesh.ServiceAccount{{Namespace: "a", Name: "b"}}, NotServiceAccounts: []mesh.ServiceAccount{{Namespace: "c", Name: "d"}},
		SourceIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, NotSourceIPs: []netip.Prefix{netip.MustParsePrefix("fd00::/8")},
		DestinationIPs: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32")}, NotDestinationIPs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")},
		Ports: []uint16{80}, NotPorts: []uint16{65535},
	}
	p := mesh.Policy{Name: "p", Namespace: "a", Scope: mesh.ScopeWorkload, Action: mesh.Deny, DryRun: true, Rules: []mesh.Rule{
		{},
		{Match: full},
		{Match: mesh.Match{Ports: []uint16{1}}, Clauses: []mesh.Clause{{full, {}}, {}}},
	}}
	// A rule's own match comes back as a clause of one: it means the same.
	want := p
	want.Rules = []mesh.Rule{{}, {Clauses: []mesh.Clause{{full}}}, {Clauses: []mesh.Clause{{{Ports: []uint16{1}}}, {full, {}}, {}}}}
	for got := range there(t, PolicyType, "a/p", Policy(&p)).EveryPolicy() {
		if d := cmp.Diff(want, *got, comparable); d != "" {
			t.Error(d)
		}
	}
}

// Conformance 76: a bad resource of a batch rejects only itself.
func TestABadResourceRejectsOnlyItself(t *testing.T) {
	policy := func(m *security.Match) *security.Authorization {
		return &security.Authorization{Name: "p", Namespace: "a", Groups: []*security.Group{{Rules: []*security.Rules{{Matches: []*security.Match{m}}}}}}
	}
	workload := func(change func(*workloadapi.Workload)) *workloadapi.Address {
		m := Workload(&fullWorkload)
		change(m.GetWorkload())
		return m
	}
	service := func(change func(*workloadapi.Service)) *workloadapi.Address {
		m := Service(&fullService)
		change(m.GetService())
		return m
	}
	later := &security.Match{}
	later.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
	uid, key := fullWorkload.UID, fullService.Key()
	for name, c := range map[string]struct {
		typ, name string
		m         proto.Message
		want      string
	}{
		"type":          {"type.googleapis.com/x", "x", &workloadapi.Address{}, "not of this mesh"},
		"empty address": {AddressType, "x", &workloadapi.Address{}, "neither"},
		"another name":  {AddressType, "x", Workload(&fullWorkload), "its content is that of"},
		"no uid":        {AddressType, "", workload(func(w *workloadapi.Workload) { w.Uid = "" }), "required"},
		"legacy mTLS":   {AddressType, uid, workload(func(w *workloadapi.Workload) { w.TunnelProtocol = 2 }), "LEGACY_ISTIO_MTLS"},
		"address":       {AddressType, uid, workload(func(w *workloadapi.Workload) { w.Addresses[0] = []byte{1} }), "1 bytes"},
		"port": {AddressType, uid, workload(func(w *workloadapi.Workload) {
			w.Services["x"] = &workloadapi.PortList{Ports: []*workloadapi.Port{{TargetPort: 65536}}}
		}), "port 65536"},
		"trust domain":     {AddressType, uid, workload(func(w *workloadapi.Workload) { w.TrustDomain = "T D" }), "trust domain"},
		"waypoint nowhere": {AddressType, uid, workload(func(w *workloadapi.Workload) { w.Waypoint = &workloadapi.GatewayAddress{} }), "waypoint"},
		"balance":          {AddressType, key, service(func(v *workloadapi.Service) { v.LoadBalancing.Mode = 9 }), "mode 9"},
		"preference":       {AddressType, key, service(func(v *workloadapi.Service) { v.LoadBalancing.RoutingPreference[0] = 0 }), "routing_preference 0"},
		"range":            {AddressType, key, service(func(v *workloadapi.Service) { n := uint32(129); v.Addresses[0].Length = &n }), "length 129"},
		"policy scope":     {PolicyType, "a/p", &security.Authorization{Name: "p", Namespace: "a", Scope: 7}, "scope 7"},
		"star":             {PolicyType, "a/p", policy(&security.Match{Principals: []*security.StringMatch{{MatchType: &security.StringMatch_Exact{Exact: "*"}}}}), "star"},
		"no match type":    {PolicyType, "a/p", policy(&security.Match{Principals: []*security.StringMatch{{}}}), "does not know"},
		"later condition":  {PolicyType, "a/p", policy(later), "does not know"},
		"policy's range":   {PolicyType, "a/p", policy(&security.Match{SourceIps: []*security.Address{{Address: make([]byte, 4), Length: 33}}}), "length 33"},
	} {
		var b Batch
		if err := b.Add(AddressType, uid, marshal(t, Workload(&fullWorkload))); err != nil {
			t.Fatal(err)
		}
		err := b.Add(c.typ, c.name, marshal(t, c.m))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
		s, _ := (*mesh.Snapshot)(nil).With(b.Change, 1)
		if _, ok := s.Workload(uid); !ok {
			t.Errorf("%s: the good resource beside it is gone", name)
		}
	}
	if err := new(Batch).Add(AddressType, "x", []byte{0xff}); err == nil {
		t.Error("bytes that are no message were taken")
	}
}

// A service with addresses in several networks keeps those of its first.
func TestServiceInTwoNetworks(t *testing.T) {
	m := Service(&fullService)
	m.GetService().Addresses = append(m.GetService().Addresses, &workloadapi.NetworkAddress{Network: "other", Address: []byte{1, 2, 3, 4}})
	for v := range there(t, AddressType, fullService.Key(), m).EveryService() {
		if v.Network != "net" || len(v.Addresses) != 1 {
			t.Errorf("network %q, addresses %v", v.Network, v.Addresses)
		}
	}
}

// A waypoint is never lost: its service would be reached past it.
func TestWeightedWaypointsAreAWaypoint(t *testing.T) {
	m := Service(&fullService)
	m.GetService().WeightedWaypoints, m.GetService().Waypoint = []*workloadapi.WeightedWaypoint{{Destination: m.GetService().Waypoint, Weight: 1}}, nil
	for v := range there(t, AddressType, fullService.Key(), m).EveryService() {
		if v.Waypoint == nil {
			t.Error("a service with weighted waypoints has none")
		}
	}
}

func FuzzAdd(f *testing.F) {
	f.Add(true, fullWorkload.UID, marshal(f, Workload(&fullWorkload)))
	f.Add(true, fullService.Key(), marshal(f, Service(&fullService)))
	f.Add(false, "a/p", marshal(f, Policy(&mesh.Policy{Name: "p", Namespace: "a", Action: mesh.Deny, Scope: mesh.ScopeGlobal, Rules: []mesh.Rule{{Match: mesh.Match{NotPrincipals: []string{"*"}, Ports: []uint16{80}, SourceIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}}})))
	f.Fuzz(func(t *testing.T, address bool, name string, value []byte) {
		typ := PolicyType
		if address {
			typ = AddressType
		}
		var b Batch
		if b.Add(typ, name, value) != nil {
			return
		}
		s, _ := (*mesh.Snapshot)(nil).With(b.Change, 1)
		n := 0
		again := func(typ, name string, m proto.Message) {
			n++
			next, effect := s.With(func() mesh.Change {
				var again Batch
				if err := again.Add(typ, name, marshal(t, m)); err != nil {
					t.Fatalf("what was taken is not taken again: %v", err)
				}
				return again.Change
			}(), 2)
			if typ == AddressType && !effect.None() {
				t.Errorf("%q is another when it comes back", name)
			}
			_ = next
		}
		for w := range s.EveryWorkload() {
			again(AddressType, w.UID, Workload(w))
		}
		for v := range s.EveryService() {
			again(AddressType, v.Key(), Service(v))
		}
		for p := range s.EveryPolicy() {
			again(PolicyType, p.Key(), Policy(p))
		}
		b.Remove(typ, name)
		if s, _ = s.With(b.Change, 3); n != 1 || len(collect(s)) != 0 {
			t.Errorf("%d resources came of one, %d are left after its removal", n, len(collect(s)))
		}
	})
}

func collect(s *mesh.Snapshot) (names []string) {
	for w := range s.EveryWorkload() {
		names = append(names, w.UID)
	}
	for v := range s.EveryService() {
		names = append(names, v.Key())
	}
	for p := range s.EveryPolicy() {
		names = append(names, p.Key())
	}
	return names
}
