// Package mesh is what a node knows of the mesh: workloads, services and
// policies, and the two questions that the data path asks of them.
//
// A [Snapshot] is immutable and built whole by [Parse] (a strict file) or, later,
// by a control-plane feed; holders swap it behind an atomic pointer and never
// change it. [Snapshot.Resolve] answers "where does a connection to this address
// go"; [Decide] answers "may this connection be delivered". Both are pure: no
// clock, no lock, no I/O, so they are tested as tables and can be replayed.
//
// Policies are Istio's. A workload is judged by its [PolicySet]: the global ones, those of
// its namespace, and those that it names. Over xDS it can name one that is not there yet;
// [PolicySet.After] says what holds meanwhile, and lets nobody in. Strict mTLS is a policy
// too: [PeerAuthentication] in a file becomes one.
//
// Resolve has three answers and no fourth. [Unknown] is what is said before the
// first complete snapshot; it must never become passthrough, because an address
// that is not known yet may well belong to a workload that requires mTLS.
//
// Limits of this version: waypoints, gateways to other networks and endpoints by host
// name are not there; what needs one is refused with a word for it ([Refusal]).
package mesh
