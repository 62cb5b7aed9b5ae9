package fault

import "time"

// Regroup is no fault but what an operator does who isolates a workload better, or shares
// more: the culprit gets a cell for itself, one that it shares, and its own again.
var Regroup = regroup{journey{name: "regroup", through: [2]string{"workload", "shared"}, rest: 3 * time.Second, lasts: 10 * time.Second}}

type regroup struct{ journey }

// About is part of Fault.
func (f regroup) About() About {
	return f.about(About{
		Does:     "moves the culprit to a cell of its own, to the shared one and back, under load",
		Incident: "Who shares a proxy with whom is decided once for a cluster, because to change it restarts pods: nobody dares to.",
		Expect:   "Long-lived connections of the culprit end at the deadline of the drain, those of its neighbours may: a cell that held the key of one who left is replaced. No new connection fails.",
		Look:     "Failures of new connections: there must be none. How long each move took.",
	})
}
