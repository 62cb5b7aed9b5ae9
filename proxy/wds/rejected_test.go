package wds

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// rejected takes resources that cannot be used into a mesh with one workload.
func rejected(t *testing.T, typ, name string, value []byte) (*mesh.Snapshot, error) {
	t.Helper()
	var b Batch
	web := mesh.Workload{UID: "a/web", Name: "web", Namespace: "a", Network: "net", TrustDomain: "td"}
	if err := b.Add(AddressType, web.UID, marshal(t, Workload(&web))); err != nil {
		t.Fatal(err)
	}
	err := b.Add(typ, name, value)
	if err == nil {
		t.Errorf("%s is not rejected", name)
	}
	s, _ := (*mesh.Snapshot)(nil).With(b.Change, 1)
	return s, err
}

// A workload or service that cannot be used is refused, not outside of the mesh (I1).
func TestRejectedIsRefused(t *testing.T) {
	workload, host, service := Workload(&fullWorkload), Workload(&fullWorkload), Service(&fullService)
	workload.GetWorkload().TunnelProtocol, workload.GetWorkload().NetworkMode = 9, workloadapi.NetworkMode_STANDARD
	host.GetWorkload().TunnelProtocol = 9
	service.GetService().LoadBalancing.RoutingPreference[0] = 99
	service.GetService().Addresses = append(service.GetService().Addresses, &workloadapi.NetworkAddress{Network: "net", Address: []byte{1}})
	for name, c := range map[string]struct {
		resource string
		m        proto.Message
		dst      string
		want     mesh.Kind
	}{
		"workload":        {fullWorkload.UID, workload, "10.0.0.1", mesh.Mesh},
		"its other":       {fullWorkload.UID, workload, "fd00::1", mesh.Mesh},
		"of a host":       {fullWorkload.UID, host, "10.0.0.1", mesh.NotMesh},
		"service":         {fullService.Key(), service, "10.96.0.1", mesh.Mesh},
		"its range":       {fullService.Key(), service, "fd96::5", mesh.Mesh},
		"beside":          {fullService.Key(), service, "10.96.0.2", mesh.NotMesh},
		"under no name":   {"", workload, "10.0.0.1", mesh.Mesh},
		"under a strange": {"x", service, "10.96.0.1", mesh.Mesh},
	} {
		s, err := rejected(t, AddressType, c.resource, marshal(t, c.m))
		a := s.Resolve("a/web", netip.AddrPortFrom(netip.MustParseAddr(c.dst), 80))
		if a.Kind != c.want || (a.Refusal == mesh.NotUsable) != (c.want == mesh.Mesh) || len(a.Endpoints) != 0 || errors.Is(err, ErrLost) {
			t.Errorf("%s: %+v, error %v", name, a, err)
		}
	}
}

// A policy that cannot be used is unknown to those that it may deny something (I2).
func TestRejectedPolicyIsUnknown(t *testing.T) {
	later := []*security.Group{{Rules: []*security.Rules{{Matches: []*security.Match{{Principals: []*security.StringMatch{{}}}}}}}}
	policy := func(scope security.Scope, dry bool) []byte {
		return marshal(t, &security.Authorization{Name: "p", Namespace: "a", Scope: scope, Action: security.Action_DENY, DryRun: dry, Groups: later})
	}
	for name, c := range map[string]struct {
		value []byte
		want  string // namespaces in which it is unknown
	}{
		"namespace":      {policy(security.Scope_NAMESPACE, false), "a"},
		"global":         {policy(security.Scope_GLOBAL, false), "ab"},
		"some scope":     {policy(7, false), "ab"},
		"workload":       {policy(security.Scope_WORKLOAD_SELECTOR, false), ""},
		"dry run":        {policy(security.Scope_GLOBAL, true), ""},
		"bytes":          {[]byte{0xff}, "ab"},
		"another's name": {marshal(t, &security.Authorization{Name: "q", Namespace: "a", Scope: security.Scope_NAMESPACE}), "a"},
	} {
		s, err := rejected(t, PolicyType, "a/p", c.value)
		got := ""
		for _, ns := range []string{"a", "b"} {
			if slices.Equal(s.Policies(mesh.Workload{Namespace: ns}).Unknown, []string{"a/p"}) {
				got += ns
			}
		}
		if got != c.want || errors.Is(err, ErrLost) {
			t.Errorf("%s: unknown in %q, want %q; error %v", name, got, c.want, err)
		}
	}
}

// Of what has no address at all nothing can be kept, and it is said.
func TestLost(t *testing.T) {
	for name, value := range map[string][]byte{"bytes": {0xff}, "neither": nil} {
		if _, err := rejected(t, AddressType, "x", value); !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
