package fault

import "time"

// CrashLoop ends the data plane, and each that is started in its place, as a bad
// configuration or a poisoned cache would.
var CrashLoop = hook{name: "crash-loop", order: "exit", lasts: 2500 * time.Millisecond, says: "it exits at every start", effect: Ends, about: About{
	Group: Processes, Does: "ends the data plane, and each that is started in its place",
	Incident: "Four or five ztunnels of a cluster were in a crash loop because of one class of pods; taking those out of the mesh cured the nodes.",
	Source:   "https://github.com/istio/ztunnel/issues/1707",
	Expect:   "As a crash, for as long as the loop goes on and its back-off grows.",
	Look:     "Who is down, and how long after the cause had gone.",
}}
