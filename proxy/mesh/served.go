package mesh

import (
	"cmp"
	"slices"
)

// Services are those that have the workload as an endpoint, as it serves them: each
// with the ports that this workload has for it. They are what an HBONE authority with
// a host name may mean there. Of several with one host name the first is meant: that
// of its own namespace, then a canonical one.
func (s *Snapshot) Services(uid string) []Service {
	w := s.workloads.at(uid)
	if w == nil {
		return nil
	}
	var all []Service
	for key := range w.Services {
		if v := s.service(key); v != nil {
			all = append(all, v.servedBy(w))
		}
	}
	slices.SortFunc(all, func(a, b Service) int {
		return cmp.Or(
			first(a.Namespace == w.Namespace, b.Namespace == w.Namespace),
			first(a.Canonical, b.Canonical),
			cmp.Compare(a.Key(), b.Key()),
		)
	})
	return all
}

// servedBy leaves out ports that the endpoint has none for: named ones that it does
// not name.
func (s *Service) servedBy(w *Workload) Service {
	v := *s
	v.Ports = nil
	for _, p := range s.Ports {
		if p.Target = w.port(s, p.Port, p.Target); p.Target != 0 {
			v.Ports = append(v.Ports, p)
		}
	}
	return v
}
