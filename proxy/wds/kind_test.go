package wds

import (
	"net/netip"
	"testing"

	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// A name that becomes that of the other kind is not both: what was there under it goes, at
// once with what comes. A new form that cannot be used takes nothing away.
func TestOneNameIsOneThing(t *testing.T) {
	const name = "a/s.example"
	workload := mesh.Workload{UID: name, Name: "w", Namespace: "a", ServiceAccount: "sa", Protocol: mesh.HBONE, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	service := mesh.Service{Name: "s", Namespace: "a", Host: "s.example", Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, Ports: []mesh.Port{{Port: 80}}}
	asWorkload, asService := Workload(&workload), Service(&service)
	unusable := proto.Clone(asService).(*workloadapi.Address)
	unusable.GetService().LoadBalancing = &workloadapi.LoadBalancing{RoutingPreference: []workloadapi.LoadBalancing_Scope{99}}
	var s *mesh.Snapshot
	is := func(what string, m *workloadapi.Address, usable, wantWorkload, wantService bool) {
		t.Helper()
		var b Batch
		if err := b.Add(AddressType, name, marshal(t, m)); (err == nil) != usable {
			t.Errorf("%s: error %v", what, err)
		}
		s, _ = s.With(b.Change, 1)
		_, w := s.Workload(name)
		_, v := s.Service(name)
		if w != wantWorkload || v != wantService {
			t.Errorf("%s: workload %v, service %v", what, w, v)
		}
		for address, there := range map[string]bool{"10.0.0.1": wantWorkload, "10.96.0.1": wantService || !usable} {
			if s.Has(netip.MustParseAddr(address)) != there {
				t.Errorf("%s: at %s there is something: %v", what, address, !there)
			}
		}
	}
	is("a workload", asWorkload, true, true, false)
	is("a service that cannot be used", unusable, false, true, false)
	is("a service", asService, true, false, true)
	is("a workload again", asWorkload, true, true, false)
	var b Batch
	for _, m := range []*workloadapi.Address{asWorkload, asService} {
		if err := b.Add(AddressType, name, marshal(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	s, _ = s.With(b.Change, 1)
	if _, w := s.Workload(name); w {
		t.Error("both at once: the workload is there, and the service came after it")
	}
}
