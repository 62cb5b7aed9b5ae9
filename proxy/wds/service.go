package wds

import (
	"fmt"
	"slices"

	"istio.io/istio/pkg/workloadapi"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// The words of package mesh by the numbers of workload.proto.
var (
	scopes       = []mesh.LocalityScope{1: mesh.ScopeRegion, mesh.ScopeZone, mesh.ScopeSubzone, mesh.ScopeNode, mesh.ScopeCluster, mesh.ScopeNetwork}
	modes        = []mesh.BalanceMode{mesh.BalanceAny, mesh.BalanceStrict, mesh.BalanceFailover, mesh.BalancePassthrough}
	families     = []mesh.Families{mesh.FamiliesAuto, mesh.FamilyV4, mesh.FamilyV6, mesh.FamiliesDual}
	visibilities = []mesh.Visibility{mesh.VisiblePublic, mesh.VisibleNamespace}
)

// wordOf is the word for a number. One that is not known is an error: of a service that
// balances or hides in a way that nobody here understands, too much would be done.
func wordOf[W ~string, N ~int32](field string, words []W, n N) (W, error) {
	if n < 0 || int(n) >= len(words) {
		return "", fmt.Errorf("%s %d is not known here", field, n)
	}
	return words[n], nil
}

func numberOf[N ~int32, W ~string](words []W, w W) N { return N(max(0, slices.Index(words, w))) }

func (b *Batch) service(m *workloadapi.Service) (mesh.Service, error) {
	v := mesh.Service{Name: m.Name, Namespace: b.word(m.Namespace), Host: m.Hostname, SubjectAltNames: m.SubjectAltNames, Canonical: m.Canonical}
	var err error
	if v.Families, err = wordOf("ip_families", families, m.IpFamilies); err != nil {
		return v, err
	}
	if v.Visibility, err = wordOf("visibility", visibilities, m.Visibility); err != nil {
		return v, err
	}
	if v.Ports, err = portsOf(m.Ports); err != nil {
		return v, err
	}
	if v.Balance, err = balanceOf(m.LoadBalancing); err != nil {
		return v, err
	}
	if v.Waypoint, err = anyWaypoint(m); err != nil {
		return v, err
	}
	return v, b.addresses(&v, m.Addresses)
}

func (b *Batch) addresses(v *mesh.Service, all []*workloadapi.NetworkAddress) error {
	for i, a := range all {
		if i == 0 {
			v.Network = b.word(a.GetNetwork())
		}
		if a.GetNetwork() != v.Network {
			continue
		}
		addr, err := addrOf(a.GetAddress())
		if err != nil {
			return err
		}
		if a.Length == nil || int(*a.Length) == addr.BitLen() {
			v.Addresses = append(v.Addresses, addr)
			continue
		}
		p, err := prefixOf(a.Address, *a.Length)
		if err != nil {
			return err
		}
		v.Prefixes = append(v.Prefixes, p)
	}
	return nil
}

func balanceOf(m *workloadapi.LoadBalancing) (b mesh.LoadBalancing, err error) {
	if m == nil {
		return b, nil
	}
	if b.Mode, err = wordOf("load_balancing.mode", modes, m.Mode); err != nil {
		return b, err
	}
	for _, p := range m.RoutingPreference {
		scope, err := wordOf("routing_preference", scopes, p)
		if err != nil || scope == "" {
			return b, fmt.Errorf("routing_preference %d is not known here", p)
		}
		b.Prefer = append(b.Prefer, scope)
	}
	b.AllHealth = m.HealthPolicy == workloadapi.LoadBalancing_ALLOW_ALL
	return b, nil
}

// anyWaypoint is the service's waypoint, or the first of weighted ones: that there is one
// is what matters, since this version passes none.
func anyWaypoint(m *workloadapi.Service) (*mesh.Waypoint, error) {
	if m.Waypoint == nil && len(m.WeightedWaypoints) > 0 {
		return waypointOf(m.WeightedWaypoints[0].GetDestination())
	}
	return waypointOf(m.Waypoint)
}

// Service is the message for a service.
func Service(v *mesh.Service) *workloadapi.Address {
	m := &workloadapi.Service{
		Name: v.Name, Namespace: v.Namespace, Hostname: v.Hostname(), SubjectAltNames: v.SubjectAltNames, Canonical: v.Canonical,
		Ports: portList(v.Ports), Waypoint: gateway(v.Waypoint),
		IpFamilies: numberOf[workloadapi.IPFamilies](families, v.Families),
		Visibility: numberOf[workloadapi.Service_Visibility](visibilities, v.Visibility),
	}
	for _, a := range v.Addresses {
		m.Addresses = append(m.Addresses, &workloadapi.NetworkAddress{Network: v.Network, Address: a.Unmap().AsSlice()})
	}
	for _, p := range v.Prefixes {
		length := uint32(p.Bits())
		m.Addresses = append(m.Addresses, &workloadapi.NetworkAddress{Network: v.Network, Address: p.Addr().AsSlice(), Length: &length})
	}
	if b := v.Balance; b.Mode != mesh.BalanceAny || b.AllHealth || len(b.Prefer) > 0 {
		m.LoadBalancing = &workloadapi.LoadBalancing{Mode: numberOf[workloadapi.LoadBalancing_Mode](modes, b.Mode)}
		for _, p := range b.Prefer {
			m.LoadBalancing.RoutingPreference = append(m.LoadBalancing.RoutingPreference, numberOf[workloadapi.LoadBalancing_Scope](scopes, p))
		}
		if b.AllHealth {
			m.LoadBalancing.HealthPolicy = workloadapi.LoadBalancing_ALLOW_ALL
		}
	}
	return &workloadapi.Address{Type: &workloadapi.Address_Service{Service: m}}
}
