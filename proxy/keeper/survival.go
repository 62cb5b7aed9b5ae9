package keeper

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// survival is how long a cell can do without the CA: until the first of its SVIDs ends. From
// then on that identity opens nothing new and accepts nothing new. Nil: it holds none.
func survival(held map[identity.ID]time.Time, now time.Time) *admin.Survival {
	var s *admin.Survival
	for id, end := range held {
		if s == nil || end.Before(s.Until) || end.Equal(s.Until) && id.String() < s.Identity {
			s = &admin.Survival{Until: end, Identity: id.String(), Seconds: end.Sub(now).Seconds()}
		}
	}
	return s
}

// maxHeld bounds what a process can make the keeper remember: many more than workloads.
const maxHeld = 4096

// holds notes what a process says of its SVIDs.
func (x *process) holds(news map[identity.ID]time.Time) {
	if x.svids == nil {
		x.svids = make(map[identity.ID]time.Time, len(news))
	}
	for id, end := range news {
		if _, known := x.svids[id]; known || len(x.svids) < maxHeld {
			x.svids[id] = end
		}
	}
}

// held are the SVIDs of workloads that the process serves: it may say more, and hold more
// of those that it served.
func (k *Keeper) held(x *process) map[identity.ID]time.Time {
	s, held := k.snapshot.Load(), make(map[identity.ID]time.Time, len(x.svids))
	for uid := range x.snapshot() {
		w, known := workloadOf(s, uid)
		if end, holds := x.svids[w.Identity]; known && holds {
			held[w.Identity] = end
		}
	}
	return held
}
