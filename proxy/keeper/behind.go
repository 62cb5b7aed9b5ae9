package keeper

import "time"

// behind is since when workloads are judged by other policies than those of the mesh that
// the keeper knows. The loop owns it.
type behind struct {
	version uint64 // of the snapshot whose generations are wanted
	wanted  map[string]string
	since   map[string]time.Time
}

// checkGenerations compares what is in force in the cells with what shall be. It looks at
// the mesh's policies only when there is another mesh.
func (k *Keeper) checkGenerations(now time.Time) {
	s := k.snapshot.Load()
	if s == nil {
		return
	}
	b := &k.behind
	if b.wanted == nil || b.version != s.Version() {
		b.version, b.wanted = s.Version(), map[string]string{}
	}
	late := map[string]time.Time{}
	for uid, p := range k.pods {
		if p.cell == nil || p.cell.current == nil {
			continue // nobody judges
		}
		inForce, told := p.cell.current.views[uid]
		if !told {
			continue
		}
		if _, ok := b.wanted[uid]; !ok {
			w, ok := s.Workload(uid)
			if !ok {
				continue
			}
			b.wanted[uid] = s.Policies(w).Generation
		}
		if inForce == b.wanted[uid] {
			continue
		}
		if late[uid] = now; !b.since[uid].IsZero() {
			late[uid] = b.since[uid]
		}
	}
	b.since = late
}

// of is how long a workload has been behind; 0: it is not.
func (b *behind) of(uid string, now time.Time) time.Duration {
	if since, ok := b.since[uid]; ok {
		return now.Sub(since)
	}
	return 0
}
