package fault

// OOM has the data plane allocate until the kernel ends it at its memory limit.
var OOM = hook{name: "oom", order: "oom", says: "it allocates until the kernel kills it", effect: Ends}
