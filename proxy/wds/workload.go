package wds

import (
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"
	"istio.io/istio/pkg/workloadapi"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Defaults of workload.proto.
const (
	defaultTrustDomain = "cluster.local"
	defaultCluster     = "Kubernetes"
)

// kinds are the words for a workload's type, by its number.
var kinds = []string{"deployment", "cronjob", "pod", "job"}

func (b *Batch) workload(m *workloadapi.Workload) (mesh.Workload, error) {
	protocol, err := protocolOf(m.TunnelProtocol)
	if err != nil {
		return mesh.Workload{}, err
	}
	w := mesh.Workload{
		UID: m.Uid, Name: m.Name, Namespace: b.word(m.Namespace), ServiceAccount: b.word(m.ServiceAccount), Node: b.word(m.Node),
		Protocol: protocol, TrustDomain: b.word(m.TrustDomain), Network: b.word(m.Network), Cluster: b.word(m.ClusterId),
		Locality:    mesh.Locality{Region: b.word(m.Locality.GetRegion()), Zone: b.word(m.Locality.GetZone()), Subzone: b.word(m.Locality.GetSubzone())},
		HostNetwork: m.NetworkMode == workloadapi.NetworkMode_HOST_NETWORK, Unhealthy: m.Status != workloadapi.WorkloadStatus_HEALTHY, Hostname: m.Hostname,
		CanonicalName: b.word(m.CanonicalName), CanonicalRevision: b.word(m.CanonicalRevision), Controller: b.word(m.WorkloadName),
	}
	if w.TrustDomain == "" {
		w.TrustDomain = defaultTrustDomain
	}
	if w.Cluster == "" {
		w.Cluster = defaultCluster
	}
	if i := int(m.WorkloadType); i >= 0 && i < len(kinds) {
		w.Kind = kinds[i]
	}
	if m.Capacity != nil {
		capacity := m.Capacity.Value
		w.Capacity = &capacity
	}
	for _, a := range m.Addresses {
		addr, err := addrOf(a)
		if err != nil {
			return w, err
		}
		w.Addresses = append(w.Addresses, addr)
	}
	if w.Waypoint, err = waypointOf(m.Waypoint); err != nil {
		return w, err
	}
	for _, p := range m.AuthorizationPolicies {
		w.Policies = append(w.Policies, b.word(p))
	}
	for key, list := range m.Services {
		ports, err := portsOf(list.GetPorts())
		if err != nil {
			return w, fmt.Errorf("services[%q]: %w", key, err)
		}
		if w.Services == nil {
			w.Services = make(map[string][]mesh.Port, len(m.Services))
		}
		w.Services[b.word(key)] = ports
	}
	return w, nil
}

func protocolOf(p workloadapi.TunnelProtocol) (mesh.Protocol, error) {
	switch p {
	case workloadapi.TunnelProtocol_NONE:
		return mesh.TCP, nil
	case workloadapi.TunnelProtocol_HBONE:
		return mesh.HBONE, nil
	}
	return 0, fmt.Errorf("tunnel protocol %s is not spoken here: HBONE or none", p)
}

// Workload is the message for a workload.
func Workload(w *mesh.Workload) *workloadapi.Address {
	m := &workloadapi.Workload{
		Uid: w.UID, Name: w.Name, Namespace: w.Namespace, ServiceAccount: w.ServiceAccount, Node: w.Node,
		TrustDomain: w.TrustDomain, Network: w.Network, ClusterId: w.Cluster, Hostname: w.Hostname,
		CanonicalName: w.CanonicalName, CanonicalRevision: w.CanonicalRevision, WorkloadName: w.Controller,
		Waypoint: gateway(w.Waypoint), AuthorizationPolicies: w.Policies,
	}
	if w.Protocol == mesh.HBONE {
		m.TunnelProtocol = workloadapi.TunnelProtocol_HBONE
	}
	if w.Locality != (mesh.Locality{}) {
		m.Locality = &workloadapi.Locality{Region: w.Locality.Region, Zone: w.Locality.Zone, Subzone: w.Locality.Subzone}
	}
	if w.HostNetwork {
		m.NetworkMode = workloadapi.NetworkMode_HOST_NETWORK
	}
	if w.Unhealthy {
		m.Status = workloadapi.WorkloadStatus_UNHEALTHY
	}
	if w.Capacity != nil {
		m.Capacity = wrapperspb.UInt32(*w.Capacity)
	}
	for i, k := range kinds {
		if k == w.Kind {
			m.WorkloadType = workloadapi.WorkloadType(i)
		}
	}
	for _, a := range w.Addresses {
		m.Addresses = append(m.Addresses, a.Unmap().AsSlice())
	}
	for key, ports := range w.Services {
		if m.Services == nil {
			m.Services = make(map[string]*workloadapi.PortList, len(w.Services))
		}
		m.Services[key] = &workloadapi.PortList{Ports: portList(ports)}
	}
	return &workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: m}}
}
