package fault

import "time"

// Rollback is no fault but the way back for who does not trust a node's proxy any more,
// and the way in again: from its node to its own sidecar, out of the mesh, and home.
var Rollback = rollback{journey{name: "rollback", through: [2]string{"sidecar", "none"}, rest: 3 * time.Second, lasts: 14 * time.Second}}

type rollback struct{ journey }

// About is part of Fault.
func (f rollback) About() About {
	return f.about(About{
		Does:     "moves the culprit from its node to its sidecar, out of the mesh, and back to its node, under load",
		Incident: "A migration between sidecars and a node's proxy that has no way back under load is done in a night, or not at all.",
		Expect:   "Long-lived connections of the culprit end at the deadline of a drain, those of its neighbours may: a cell that held the key of one who left is replaced. No new connection fails, also where the mesh says TCP in between.",
		Look:     "Failures of new connections: there must be none. While it is out of the mesh no policy protects the culprit: what is denied to it then is not counted.",
	})
}
