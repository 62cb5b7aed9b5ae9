package mesh

import (
	"cmp"
	"net/netip"
	"slices"
)

// What Resolve asks of a snapshot, by walking through it.

func (s *Snapshot) workloadsAt(a netip.Addr) []*Workload {
	if w := s.byAddress[a]; w != nil {
		return []*Workload{w}
	}
	return nil
}

func (s *Snapshot) servicesAt(a netip.Addr) []*Service {
	if v := s.byVIP[a]; v != nil {
		return []*Service{v}
	}
	return nil
}

func (s *Snapshot) servicesOver(a netip.Addr) []*Service {
	var over []*Service
	for i := range s.services {
		if s.services[i].bits(a) >= 0 {
			over = append(over, &s.services[i])
		}
	}
	return over
}

// endpointsOf are the workloads that a service names, and those that name it.
func (s *Snapshot) endpointsOf(key string) []*Workload {
	var all []*Workload
	for _, w := range s.workloads {
		if _, ok := w.Services[key]; ok {
			all = append(all, w)
		}
	}
	for i := range s.services {
		if s.services[i].Key() == key {
			for _, uid := range s.services[i].Endpoints {
				all = append(all, s.workloads[uid])
			}
		}
	}
	slices.SortFunc(all, func(a, b *Workload) int { return cmp.Compare(a.UID, b.UID) })
	return slices.Compact(all)
}
