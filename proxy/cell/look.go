package cell

// A packet holds 64 KiB; one connection is at most about 500 bytes in it, and so is an
// endpoint that was set aside.
const (
	maxListed = 80
	maxAside  = 30
	maxError  = 200 // bytes of an endpoint's last error
)

// look lists what is open for a workload, whether it is served or drains.
func (s *cell) look(l *Look) *Seen {
	seen := &Seen{ID: l.ID}
	for _, v := range s.workingFor(l.UID) {
		list, open := v.work.Connections(maxListed - len(seen.Connections))
		seen.Connections, seen.Open = append(seen.Connections, list...), seen.Open+open
		seen.Aside = append(seen.Aside, v.work.Aside()...)
	}
	seen.Aside = seen.Aside[:min(len(seen.Aside), maxAside)]
	for i, a := range seen.Aside {
		seen.Aside[i].Error = a.Error[:min(len(a.Error), maxError)]
	}
	return seen
}

func (s *cell) workingFor(uid string) (all []*served) {
	if v := s.served[uid]; v != nil {
		all = append(all, v)
	}
	for v := range s.leaving {
		if v.uid == uid && v != s.served[uid] {
			all = append(all, v)
		}
	}
	return all
}
