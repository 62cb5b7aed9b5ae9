package mesh

import (
	"fmt"
	"net/netip"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Kind is which of the three answers Resolve gave.
type Kind uint8

const (
	Unknown Kind = iota // not known yet: wait, then fail; never passthrough
	Mesh                // a workload or service of the mesh
	NotMesh             // a complete snapshot does not contain the address
)

func (k Kind) String() string { return [...]string{"unknown", "mesh", "not-mesh"}[k] }

// Endpoint is one place that serves the address asked for.
type Endpoint struct {
	Workload string         `json:"workload"` // UID
	Address  netip.AddrPort `json:"address"`  // the workload's address and its own port
	Protocol Protocol       `json:"protocol"`
	Identity identity.ID    `json:"identity"`
}

// Answer is what Resolve says. Endpoints is empty only for Unknown, NotMesh, and
// for a service that nobody serves: the last is an error, not passthrough
// (ztunnel: "no healthy upstream").
type Answer struct {
	Kind      Kind       `json:"kind"`
	Version   uint64     `json:"version"` // of the snapshot that gave it
	Service   string     `json:"service,omitempty"`
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	Reason    string     `json:"reason,omitempty"` // why there is no endpoint
}

// Resolve says where a connection to dst goes. A nil snapshot answers Unknown.
func (s *Snapshot) Resolve(dst netip.AddrPort) Answer {
	if s == nil {
		return Answer{Kind: Unknown}
	}
	addr := dst.Addr().Unmap()
	if w := s.byAddress[addr]; w != nil {
		return Answer{Kind: Mesh, Version: s.version, Endpoints: []Endpoint{w.endpoint(addr, dst.Port())}}
	}
	if v := s.byVIP[addr]; v != nil {
		return s.resolveService(v, addr, dst.Port())
	}
	return Answer{Kind: NotMesh, Version: s.version}
}

func (s *Snapshot) resolveService(v *Service, vip netip.Addr, port uint16) Answer {
	a := Answer{Kind: Mesh, Version: s.version, Service: v.Hostname()}
	target, ok := v.target(port)
	if !ok {
		a.Reason = fmt.Sprintf("service %s has no port %d", v.Hostname(), port)
		return a
	}
	for _, uid := range v.Endpoints {
		a.Endpoints = append(a.Endpoints, s.workloads[uid].endpoint(vip, target))
	}
	if len(a.Endpoints) == 0 {
		a.Reason = "no healthy upstream"
	}
	return a
}

func (w *Workload) endpoint(like netip.Addr, port uint16) Endpoint {
	return Endpoint{
		Workload: w.UID,
		Address:  netip.AddrPortFrom(w.address(like), port),
		Protocol: w.Protocol,
		Identity: w.Identity,
	}
}
