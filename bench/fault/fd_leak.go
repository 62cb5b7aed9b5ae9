package fault

import "time"

// FDLeak has the data plane open descriptors until there are no more, and keep them.
var FDLeak = hook{name: "fd-leak", order: "leak-fds", lasts: 3 * time.Second, says: "it opens every descriptor that it may have", effect: Hampers, about: About{
	Group: Resources, Does: "opens every descriptor inside the data plane that it may have",
	Incident: "A ztunnel had 383,532 sockets that nobody had released; another was out of descriptors, not ready, and never restarted.",
	Source:   "https://github.com/istio/ztunnel/issues/1629",
	Expect:   "New connections of those who share the process fail or wait; existing ones go on.",
	Look:     "New and reused connections apart.",
}}
