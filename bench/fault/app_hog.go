package fault

import "github.com/bulkhead-mesh/bulkhead/bench/hog"

// AppHog has the application burn CPU on all cores, in a container without a CPU limit,
// as most are.
var AppHog = misdeed{name: "app-hog", kind: hog.OfCPU, lasts: misdeedLasts, says: "its application burns CPU on every core, without a limit", about: About{
	Group: Applications, Does: "has the culprit's application burn CPU on every core",
	Incident: "A sidecar shares the pod's part of the CPU with the application: when that is busy its proxy waits, and the pod's callers with it.",
	Expect:   "A sidecar competes with its own application inside one cgroup; a cell on the node has its own beside the pod's. Nobody else is hit.",
	Look:     "Flows of the culprit, with a sidecar and without.",
}}

// AppHogLimited is the same in a container with a CPU limit.
var AppHogLimited = misdeed{name: "app-hog-limited", kind: hog.OfCPU, limited: true, lasts: misdeedLasts, says: "its application burns CPU on every core, against the limit of its container", about: About{
	Group: Applications, Does: "has the culprit's application burn CPU up to the limit of its container",
	Incident: "A CPU limit stops the application and not its neighbours: whether that is worth its throttling is an old dispute.",
	Expect:   "Less than app-hog: the limit is the container's, and the sidecar has its own.",
	Look:     "The difference to app-hog.",
}}
