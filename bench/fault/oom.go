package fault

// OOM has the data plane allocate until the kernel ends it at its memory limit.
var OOM = hook{name: "oom", order: "oom", says: "it allocates until the kernel kills it", effect: Ends, about: About{
	Group: Resources, Does: "allocates inside the data plane until the kernel kills it",
	Incident: "ztunnel's memory grows until the kernel kills it at its limit: 760 MiB where a restart needs 59.",
	Source:   "https://github.com/istio/ztunnel/issues/2044",
	Expect:   "As a crash: whoever shares the process is hit.",
	Look:     "The memory limit is a wall of the cell: nobody else may be killed in its place.",
}}
