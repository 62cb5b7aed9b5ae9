package keeper

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

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
