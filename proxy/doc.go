// Package proxy is the data path of one workload: what happens to a connection
// between the application and its peer.
//
//	outbound  accept → original dst → classify → resolve → tunnel.Open (pool) → relay → record
//	                                     ├ passthrough: plain dial, same relay, same record
//	                                     └ reject: own port, unknown workload
//	inbound   accept → verify peer SVID → CONNECT → resolve → policy → deliver (in the pod) → relay → record
//	plaintext accept → original dst → classify → policy → deliver → relay → record
//
// Each side is one function (outbound.go, inbound.go, plaintext.go) with one line
// per arrow. Nothing here knows in which isolation it runs: a node cell with forty
// workloads and a sidecar with one build the same [Workload] from a [Config], and
// only the composition root (package cell) differs in where its parts come from.
//
// Ownership. [Workload.Run] owns the listeners that it is given and closes them
// when its context ends; it then drains: open connections may finish until
// Config.Drain has passed, and are reset after that. Every accepted connection has
// one goroutine that closes it, recovers its own panic, and writes its record once.
package proxy
