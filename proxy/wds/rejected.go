package wds

import (
	"net/netip"

	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// rejectWorkload keeps the addresses that are some. Those of the host's network are not
// kept: they are of its node, where others answer too.
func (b *Batch) rejectWorkload(name string, m *workloadapi.Workload) {
	var all []netip.Addr
	for _, a := range m.GetAddresses() {
		if addr, err := addrOf(a); err == nil {
			all = append(all, addr)
		}
	}
	if m.GetNetworkMode() == workloadapi.NetworkMode_HOST_NETWORK {
		all = nil
	}
	b.Change.RejectAddresses(name, b.word(m.GetNetwork()), all, nil)
}

// rejectService keeps the addresses and ranges that are some, of its first network.
func (b *Batch) rejectService(name string, m *workloadapi.Service) {
	var v mesh.Service
	var network string
	for i, a := range m.GetAddresses() {
		if i == 0 {
			network = a.GetNetwork()
		}
		if a.GetNetwork() == network {
			_ = b.addresses(&v, []*workloadapi.NetworkAddress{a}) // one that is none is nobody's
		}
	}
	b.Change.RejectAddresses(name, b.word(network), v.Addresses, v.Prefixes)
}

// rejectPolicy keeps for whom it is. A dry run decides nothing, and so is for nobody; whose
// scope cannot be read may be for everybody.
func (b *Batch) rejectPolicy(name string, m *security.Authorization) {
	scope, err := wordOf("scope", policyScopes, m.GetScope())
	if m == nil || err != nil {
		scope = mesh.ScopeGlobal
	}
	if !m.GetDryRun() {
		b.Change.RejectPolicy(name, b.word(m.GetNamespace()), scope)
	}
}
