package fault

import "github.com/bulkhead-mesh/bulkhead/bench/crowd"

// SlowReader has a client of the culprit ask for bulk and read next to nothing of it:
// windows fill, and buffers stay where they are.
var SlowReader = noise{name: "slow-reader", kind: crowd.SlowReaders, times: 4, lasts: noiseLasts, says: "clients that ask it for bulk and read next to nothing", about: About{
	Group: Resources, Does: "has clients of the culprit ask for bulk and not read it",
	Incident: "Streams of one HTTP/2 connection share its window: a reader that stops holds up the others, and a proxy may pin the window of every stream (ztunnel: 4 MiB, 16 for a connection).",
	Source:   "https://github.com/istio/ztunnel/issues/1613",
	Expect:   "Flows of the same tunnel may wait. Bystanders of the same cell go on: what the culprit pins is its own budget of bytes.",
	Look:     "Bystanders in the shared process; memory.",
}}
