package fault

import "time"

// CPUHog has the data plane burn CPU on all threads that it may have.
var CPUHog = hook{name: "cpu-hog", order: "spin", lasts: 3 * time.Second, says: "it spins on every CPU that it may use", effect: Hampers, about: About{
	Group: Resources, Does: "burns CPU inside the data plane on every thread that it may have",
	Incident: "72,000 new connections a minute cost a ztunnel two CPUs, and the limit that would stop that is the same for every node.",
	Source:   "https://github.com/istio/ztunnel/issues/1288",
	Expect:   "Those who share the process wait; those beside it have their own share of the CPU.",
	Look:     "The rise of late answers of bystanders.",
}}
