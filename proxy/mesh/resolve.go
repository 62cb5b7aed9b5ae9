package mesh

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Resolve says where a connection of the workload from (a UID) to dst goes, in
// ztunnel's order: the address of a workload, then that of a service, then a service
// whose range contains it, each in the asker's network and visible to its namespace.
//
// A nil snapshot answers Unknown, and so does one that does not know who asks: what
// it may see is not known, and half an answer would be passthrough.
func (s *Snapshot) Resolve(from string, dst netip.AddrPort) Answer {
	if s == nil {
		return Answer{Kind: Unknown}
	}
	w, ok := s.Workload(from)
	if !ok {
		return Answer{Kind: Unknown, Version: s.version}
	}
	q := question{s: s, from: &w, addr: dst.Addr().Unmap(), port: dst.Port()}
	a := Answer{Kind: NotMesh}
	if to := q.workload(); to != nil {
		a = q.toWorkload(to)
	} else if v := q.service(); v != nil {
		a = q.toService(v)
	}
	a.Version = s.version
	return a
}

// question is one Resolve.
type question struct {
	s    *Snapshot
	from *Workload
	addr netip.Addr
	port uint16
}

// workload finds the workload that has the address. Those on the host's network are
// not meant by it, their node is: it belongs to many, and to processes outside the mesh.
func (q *question) workload() *Workload {
	var best *Workload
	for _, w := range q.s.workloadsAt(q.addr) {
		if w.Network == q.from.Network && !w.HostNetwork && (best == nil || outranks(w, best)) {
			best = w
		}
	}
	return best
}

// outranks orders workloads that share an address: a pod that speaks HBONE, a pod,
// whatever speaks HBONE, the rest. The UID decides between equals, so that every
// node decides alike.
func outranks(a, b *Workload) bool {
	rank := func(w *Workload) int {
		n := 0
		if w.pod() {
			n += 2
		}
		if w.Protocol == HBONE {
			n++
		}
		return n
	}
	if rank(a) != rank(b) {
		return rank(a) > rank(b)
	}
	return a.UID < b.UID
}

// service finds the service that has the address, or a range with it.
func (q *question) service() *Service {
	if v := q.preferred(q.s.servicesAt(q.addr)); v != nil {
		return v
	}
	return q.preferred(q.s.servicesOver(q.addr))
}

// preferred picks among services with one address: whatever can be used comes before what
// cannot, the asker's own namespace before a narrower range, that before a canonical one.
func (q *question) preferred(all []*Service) *Service {
	var best *Service
	for _, v := range all {
		if v.Network == q.from.Network && v.visibleTo(q.from.Namespace) && (best == nil || q.prefer(v, best) < 0) {
			best = v
		}
	}
	return best
}

func (q *question) prefer(a, b *Service) int {
	return cmp.Or(
		first(!a.rejected, !b.rejected),
		first(a.Namespace == q.from.Namespace, b.Namespace == q.from.Namespace),
		cmp.Compare(b.bits(q.addr), a.bits(q.addr)),
		first(a.Canonical, b.Canonical),
		cmp.Compare(a.Key(), b.Key()),
	)
}

// first orders what is before what is not.
func first(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

// toWorkload is the answer for an address that is a workload's own.
func (q *question) toWorkload(w *Workload) Answer {
	a := Answer{Kind: Mesh}
	if q.mustPass(w.Waypoint) {
		return a.refused(NeedsWaypoint, w.UID+" is behind a waypoint, which this version cannot pass")
	}
	e := q.at(w, q.addr, q.port)
	e.Weight = 1 // there is no other, whatever its share of a service
	a.Endpoints = []Endpoint{e}
	return a
}

// toService is the answer for the address of a service.
func (q *question) toService(v *Service) Answer {
	if v.rejected {
		return Answer{Kind: Mesh}.refused(NotUsable, v.Host+" is in the mesh, and this version cannot use what control says of it: the log has the reason")
	}
	a := Answer{Kind: Mesh, Service: v.Hostname()}
	if q.mustPass(v.Waypoint) {
		return a.refused(NeedsWaypoint, v.Hostname()+" is behind a waypoint, which this version cannot pass")
	}
	if v.Balance.Mode == BalancePassthrough {
		a.Endpoints = []Endpoint{{Address: netip.AddrPortFrom(q.addr, q.port), Protocol: TCP, Weight: 1}}
		return a
	}
	target, ok := v.target(q.port)
	if !ok {
		return a.refused(NoPort, fmt.Sprintf("service %s has no port %d", v.Hostname(), q.port))
	}
	refusal := NoUpstream
	for _, w := range q.s.endpointsOf(v.Key()) {
		e, why := q.endpoint(v, w, target)
		switch why {
		case "":
			a.Endpoints = append(a.Endpoints, e)
		case NoUpstream:
		default: // somebody is there, which says more than that nobody is
			refusal = why
		}
	}
	if len(a.Endpoints) == 0 {
		return a.refused(refusal, noEndpoint[refusal])
	}
	a.Names = v.identities()
	a.Endpoints = ranked(q.from.UID, a.Endpoints)
	return a
}

var noEndpoint = map[Refusal]string{
	NoUpstream:   "no healthy upstream",
	NoAddress:    "no endpoint has an address of a family that the service offers (endpoints by host name are not supported)",
	OtherNetwork: "every endpoint is on another network, and gateways are not supported",
}

// endpoint is how a workload serves a service, or why it does not. The rank is the
// one of its locality: the higher the nearer.
func (q *question) endpoint(v *Service, w *Workload, target uint16) (Endpoint, Refusal) {
	port := w.port(v, q.port, target)
	near, ok := v.Balance.near(q.from, w)
	if w.Unhealthy && !v.Balance.AllHealth || w.Weight() == 0 || port == 0 || !ok {
		return Endpoint{}, NoUpstream
	}
	if w.Network != q.from.Network {
		return Endpoint{}, OtherNetwork
	}
	addr, ok := w.address(q.addr, v.Families)
	if !ok {
		return Endpoint{}, NoAddress
	}
	e := q.at(w, addr, port)
	e.Rank = near
	return e, ""
}

func (q *question) at(w *Workload, addr netip.Addr, port uint16) Endpoint {
	return Endpoint{
		Workload: w.UID,
		Address:  netip.AddrPortFrom(addr, port),
		Protocol: w.Protocol,
		Identity: w.Identity,
		Weight:   w.Weight(),
	}
}

// mustPass says whether the asker has to go through a waypoint: always, unless it is
// the waypoint.
func (q *question) mustPass(p *Waypoint) bool {
	if p == nil {
		return false
	}
	_, serves := q.from.Services[p.Hostname]
	return !serves && !slices.Contains(q.from.Addresses, p.Address)
}

func (a Answer) refused(why Refusal, reason string) Answer {
	a.Refusal, a.Reason = why, reason
	return a
}

// identities are those of the service's names that are identities: others are names
// for TLS without SPIFFE.
func (v *Service) identities() []identity.ID {
	var ids []identity.ID
	for _, name := range v.SubjectAltNames {
		if id, err := identity.Parse(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
