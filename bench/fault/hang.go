package fault

import "time"

// Hang stops the loop of the data plane: connections go on, and nothing else does.
var Hang = hook{name: "hang", order: "hang", lasts: 6 * time.Second, says: "its loop stands still", effect: Hampers, about: About{
	Group: Processes, Does: "stands still inside the data plane",
	Incident: "A proxy that is out of descriptors stays not ready for ever: nothing restarts what does not die.",
	Source:   "https://github.com/istio/ztunnel/issues/1631",
	Expect:   "Those who share the process may wait, until somebody notices: the keeper after three pings, or nobody.",
	Look:     "How long it takes: that is liveness.",
}}
