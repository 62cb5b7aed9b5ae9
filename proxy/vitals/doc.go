// Package vitals is what the kernel says of a data plane, whatever the data plane says of
// itself: GET /vitals of a keeper's admin socket, and of a sidecar's.
//
// # Usage
//
//	sockets, err := vitals.Sockets(ns)          // of one pod's network namespace
//	pod := vitals.Summarize("a/web", sockets, addresses)
//
// A cell that hangs answers no question, and one that accepts and never serves answers the
// wrong ones. Its sockets cannot lie: how many connections wait at a door that nobody opens,
// whether a peer's kernel still acknowledges what is sent to it, how long that takes. One
// dump of INET_DIAG (sock_diag(7)) in the pod's network namespace says it for whoever owns
// the sockets, and costs the owner nothing.
//
// # What it cannot say
//
// Who owns a socket: in a pod under workload isolation the cell's and the application's are
// told apart by their ports only. What passed through a socket that is gone. And nothing of
// what the bytes meant: that is for metrics and records.
//
// No netlink library: a sidecar has this too, and must stay light. [Decode] is fuzzed.
package vitals
