package wds

import (
	"fmt"
	"net/netip"
	"strings"

	"istio.io/istio/pkg/workloadapi"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

func addrOf(b []byte) (netip.Addr, error) {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return a, fmt.Errorf("an address of %d bytes: 4 or 16 are one", len(b))
	}
	return a.Unmap(), nil
}

func prefixOf(b []byte, length uint32) (netip.Prefix, error) {
	a, err := addrOf(b)
	if err != nil {
		return netip.Prefix{}, err
	}
	if len(b)*8 > a.BitLen() { // IPv4, written as IPv6
		length -= min(length, 96)
	}
	if length > uint32(a.BitLen()) {
		return netip.Prefix{}, fmt.Errorf("%s has no range of length %d", a, length)
	}
	return netip.PrefixFrom(a, int(length)).Masked(), nil
}

func portOf(n uint32) (uint16, error) {
	if n > 65535 {
		return 0, fmt.Errorf("port %d is none: 65535 is the last", n)
	}
	return uint16(n), nil
}

func portsOf(list []*workloadapi.Port) (ports []mesh.Port, err error) {
	for _, m := range list {
		var p mesh.Port
		if p.Port, err = portOf(m.GetServicePort()); err != nil {
			return nil, err
		}
		if p.Target, err = portOf(m.GetTargetPort()); err != nil {
			return nil, err
		}
		if m.GetAppProtocol() != workloadapi.AppProtocol_UNKNOWN {
			p.App = m.GetAppProtocol().String()
		}
		ports = append(ports, p)
	}
	return ports, nil
}

func portList(ports []mesh.Port) (list []*workloadapi.Port) {
	for _, p := range ports {
		list = append(list, &workloadapi.Port{
			ServicePort: uint32(p.Port), TargetPort: uint32(p.Target),
			AppProtocol: workloadapi.AppProtocol(workloadapi.AppProtocol_value[p.App]),
		})
	}
	return list
}

func waypointOf(m *workloadapi.GatewayAddress) (*mesh.Waypoint, error) {
	if m == nil {
		return nil, nil
	}
	port, err := portOf(m.HboneMtlsPort)
	if err != nil {
		return nil, fmt.Errorf("waypoint: %w", err)
	}
	w := &mesh.Waypoint{Port: port}
	switch d := m.Destination.(type) {
	case *workloadapi.GatewayAddress_Hostname:
		w.Hostname = d.Hostname.GetNamespace() + "/" + d.Hostname.GetHostname()
	case *workloadapi.GatewayAddress_Address:
		if w.Address, err = addrOf(d.Address.GetAddress()); err != nil {
			return nil, fmt.Errorf("waypoint: %w", err)
		}
	default:
		return nil, fmt.Errorf("a waypoint without a destination")
	}
	return w, nil
}

func gateway(w *mesh.Waypoint) *workloadapi.GatewayAddress {
	if w == nil {
		return nil
	}
	m := &workloadapi.GatewayAddress{HboneMtlsPort: uint32(w.Port)}
	if w.Address.IsValid() {
		m.Destination = &workloadapi.GatewayAddress_Address{Address: &workloadapi.NetworkAddress{Address: w.Address.AsSlice()}}
		return m
	}
	namespace, hostname, _ := strings.Cut(w.Hostname, "/")
	m.Destination = &workloadapi.GatewayAddress_Hostname{Hostname: &workloadapi.NamespacedHostname{Namespace: namespace, Hostname: hostname}}
	return m
}
