// Package xds is delta xDS over one aggregated stream, as istiod and ztunnel speak it:
// AggregatedDiscoveryService.DeltaAggregatedResources. It knows nothing of what the
// resources mean.
//
// # Client
//
// A [Client] subscribes to its types, in their order: the next one when the first answer
// to the one before has been handled, so that policies are there before workloads are
// judged by them. Each response goes to the [Handler], which names the resources that it
// cannot use; they alone are rejected: the answer is then a NACK that names them with the
// reasons, and their versions are not echoed after a reconnect, so that the server sends
// them again. What was known of them before stays known.
//
// Nothing that was known is given up when the stream ends. The client connects again, to
// the next of its replicas at once, and when all were tried after 10 ms at first and 5 s at
// most, with jitter; it says what it has (initial_resource_versions), which a replica that
// has the same versions does not send again. Where there is another replica, one that leaves
// questions unanswered, or sends no mesh, is given up as well (see turns and knocking). [Client.Ready] is closed when each type has been
// acknowledged once; a first response that had to be rejected does not count.
//
// [Client.Standing] says which server is heard, since when, and what was rejected. Not
// heard is one whose stream ended, or that does not answer a question beside it
// (grpc.health.v1; any answer will do).
//
// A type is either wildcard or on demand: then the server sends only what [Client.Demand]
// names, by name or alias ("network/10.0.0.1"), and what has to be known with it. A name
// that the server does not have comes back as removed.
//
// # Server
//
// A [Server] holds the current resources of each type, and no history but the order in
// which they changed. A stream remembers how far it has read that order, and one response
// of each type that is not acknowledged yet. So there is no queue that could fill: a slow
// proxy skips to the newest version of what it missed, a dead one holds a goroutine until
// keepalive ends it, and neither is waited for. Each stream sees the resources that its
// [View] shows. Removals are remembered for a while (maxRemoved); a stream that is behind
// further is ended, and says what it has when it comes again. A stream is subscribed to
// 131,072 names of a type at most, of 1 KiB each, and a node has 64 streams ([ServerConfig.Node]
// says whose they are); what goes beyond ends with RESOURCE_EXHAUSTED, and is counted.
package xds
