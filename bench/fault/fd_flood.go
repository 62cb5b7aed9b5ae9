package fault

import "github.com/bulkhead-mesh/bulkhead/bench/crowd"

// FDFlood opens connections to the culprit's door that never finish their handshake:
// each holds a descriptor and what a handshake has begun with.
var FDFlood = noise{name: "fd-flood", kind: crowd.HalfOpen, times: 8, lasts: noiseLasts, says: "connections that send half a ClientHello, or nothing, and stay", about: About{
	Group: Resources, Does: "opens 10,000 TLS handshakes with the culprit from outside of the mesh and leaves them half done",
	Incident: "On a full node of 110 pods a ztunnel had too many open files and dropped connections at random. Whoever reaches its port can bring that about.",
	Source:   "https://github.com/istio/ztunnel/issues/1585",
	Expect:   "With budgets the culprit's own door is full, and only that. Without them the descriptors of whoever shares the process go.",
	Look:     "New connections of bystanders in the same process.",
}}
