package admin

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Survival is how long what is known lasts when nothing new is learnt: without CA until
// the first SVID ends, without control for as long as nothing in the mesh changes.
type Survival struct {
	Until    time.Time `json:"until"`    // end of the first SVID
	Identity string    `json:"identity"` // whose
	Seconds  float64   `json:"seconds"`  // until then; negative: it has ended
}

// SurvivalOf is how long a cell can do without the CA: until the first of its SVIDs ends. From
// then on that identity opens nothing new and accepts nothing new. Nil: it holds none.
func SurvivalOf(held map[identity.ID]time.Time, now time.Time) *Survival {
	var s *Survival
	for id, end := range held {
		if s == nil || end.Before(s.Until) || end.Equal(s.Until) && id.String() < s.Identity {
			s = &Survival{Until: end, Identity: id.String(), Seconds: end.Sub(now).Seconds()}
		}
	}
	return s
}
