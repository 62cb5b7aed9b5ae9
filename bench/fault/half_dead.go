package fault

import "time"

// HalfDead has the data plane accept new connections and never serve them, while what
// exists goes on and pings are answered.
var HalfDead = hook{name: "half-dead", order: "half-dead", lasts: 4 * time.Second, says: "it accepts and never answers, and answers pings", effect: Mutes, about: About{
	Group: Processes, Does: "has the data plane accept new connections and never answer, while it answers pings",
	Incident: "A ztunnel that was out of descriptors stayed not ready for ever, and nothing restarted it: it was alive.",
	Source:   "https://github.com/istio/ztunnel/issues/1631",
	Expect:   "New connections with an end at what is half-dead fail for as long as it lasts; reused ones go on.",
	Look:     "Whether anybody notices. A ping, a port that accepts and a process that runs all say that it is well.",
}}
