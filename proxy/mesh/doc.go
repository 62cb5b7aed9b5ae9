// Package mesh is what a node knows of the mesh: workloads, services and
// policies, and the two questions that the data path asks of them.
//
// A [Snapshot] is immutable; it comes from strict files ([Watched]) or
// from a control-plane feed; holders swap it behind an atomic pointer and never
// change it. [Snapshot.Resolve] answers "where does a connection to this address
// go"; [Decide] answers "may this connection be delivered". Both are pure: no
// clock, no lock, no I/O, so they are tested as tables and can be replayed.
//
// Policies are Istio's. A workload is judged by its [PolicySet]: the global ones, those of
// its namespace, and those that it names. Over xDS it can name one that is not there yet;
// [PolicySet.After] says what holds meanwhile, and lets nobody in. Strict mTLS is a policy
// too: [PeerAuthentication] in a file becomes one.
//
// A [Watched] file, or directory of files that are one mesh together, is looked at ten times a
// second, and every file of a directory once a second and whenever the directory changed (as it
// does when a file is renamed into it). What looks different (size, time, inode) is read and cut
// into the elements of its lists; those whose text is as it was (SHA-256) are not decoded again.
// All of them are checked together, which takes a tenth of a second for 100,000, and what is the
// same pointer as before has no effect. Everything is refused for one file that is wrong: half a
// mesh would turn workloads into unknown addresses.
//
// Resolve has three answers and no fourth. [Unknown] is what is said before the
// first complete snapshot; it must never become passthrough, because an address
// that is not known yet may well belong to a workload that requires mTLS.
//
// Limits of this version: waypoints, gateways to other networks and endpoints by host
// name are not there; what needs one is refused with a word for it ([Refusal]).
package mesh
