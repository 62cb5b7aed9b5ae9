package mesh

import (
	"bytes"
	"encoding/json"
	"iter"
	"net/netip"
	"slices"
)

// Snapshot is one complete, immutable view of the mesh. It shares what did not change
// with the one that it was made of.
type Snapshot struct {
	version   uint64
	workloads table[string, *Workload] // by UID
	byAddress table[netip.Addr, []*Workload]
	services  table[string, *Service] // by key
	byVIP     table[netip.Addr, []*Service]
	byPrefix  table[netip.Prefix, []*Service]
	lengths   prefixLengths
	// endpoints are by the key of their service, which may not be known (yet).
	endpoints  table[string, []*Workload]
	policies   table[string, *indexedPolicy]   // by key
	rejected   table[string, *Service]         // by their names: in byVIP and byPrefix alone
	unread     table[string, *indexedPolicy]   // by key: in namespaces alone
	namespaces table[string, []*indexedPolicy] // those of scope namespace, and the global ones: see everyNamespace
}

// Version is the number given to New.
func (s *Snapshot) Version() uint64 { return s.version }

// Workload finds a workload by UID.
func (s *Snapshot) Workload(uid string) (Workload, bool) {
	if w := s.workloads.at(uid); w != nil {
		return *w, true
	}
	return Workload{}, false
}

// Service finds a service by its key.
func (s *Snapshot) Service(key string) (Service, bool) {
	if v := s.services.at(key); v != nil {
		return *v, true
	}
	return Service{}, false
}

// Policy finds a policy by its key.
func (s *Snapshot) Policy(key string) (Policy, bool) {
	if p := s.policies.at(key); p != nil {
		return p.Policy, true
	}
	return Policy{}, false
}

// EveryWorkload yields all of them, in no order; a nil snapshot has none. What is
// yielded must not be changed.
func (s *Snapshot) EveryWorkload() iter.Seq[*Workload] {
	if s == nil {
		s = &Snapshot{}
	}
	return s.workloads.values()
}

// EveryService yields all of them, like EveryWorkload.
func (s *Snapshot) EveryService() iter.Seq[*Service] {
	if s == nil {
		s = &Snapshot{}
	}
	return s.services.values()
}

// EveryPolicy yields all of them, like EveryWorkload.
func (s *Snapshot) EveryPolicy() iter.Seq[*Policy] {
	if s == nil {
		s = &Snapshot{}
	}
	return func(yield func(*Policy) bool) {
		for p := range s.policies.values() {
			if !yield(&p.Policy) {
				return
			}
		}
	}
}

// At is the workload that has the address, the first by UID where several have it. It is
// for telemetry; where a connection goes is for Resolve.
func (s *Snapshot) At(a netip.Addr) (Workload, bool) {
	if all := s.workloadsAt(a.Unmap()); len(all) > 0 {
		return *all[0], true
	}
	return Workload{}, false
}

// workloadsAt are those that have the address, in any network, by UID.
func (s *Snapshot) workloadsAt(a netip.Addr) []*Workload { return s.byAddress.at(a) }

// servicesAt are those that have exactly this virtual address, by key.
func (s *Snapshot) servicesAt(a netip.Addr) []*Service { return s.byVIP.at(a) }

// servicesOver are those that have a range which contains the address, longest first.
func (s *Snapshot) servicesOver(a netip.Addr) []*Service {
	var out []*Service
	for bits := range s.lengths.of(a) {
		if p, err := a.Prefix(bits); err == nil {
			out = append(out, s.byPrefix.at(p)...)
		}
	}
	return out
}

func (s *Snapshot) service(key string) *Service            { return s.services.at(key) }
func (s *Snapshot) endpointsOf(service string) []*Workload { return s.endpoints.at(service) }

// prefixLengths counts the ranges of each length, so that a lookup tries only those.
type prefixLengths struct {
	v4 [33]int32
	v6 [129]int32
}

func (l *prefixLengths) add(p netip.Prefix, n int32) {
	if p.Addr().Is4() {
		l.v4[p.Bits()] += n
	} else {
		l.v6[p.Bits()] += n
	}
}

// of yields the lengths in use for a's family, longest first.
func (l *prefixLengths) of(a netip.Addr) iter.Seq[int] {
	counts := l.v6[:]
	if a.Is4() {
		counts = l.v4[:]
	}
	return func(yield func(int) bool) {
		for bits, n := range slices.Backward(counts) {
			if n > 0 && !yield(bits) {
				return
			}
		}
	}
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
