// Package keeper is the per-node process that decides which cells run and gives
// them what they need: pods in, cells out.
//
// It knows pods (told by a CNI plugin or the lab over the admin socket), groups
// them into cells by the node's isolation, has the anchor start a cell for each
// group, and answers its cells: where a destination is, and signatures under CSRs
// of identities that the cell serves and no others. It carries no workload's bytes
// and holds no workload's key (I3).
//
// One goroutine, the loop, owns all state; admin requests, the anchor's events and
// what cells report reach it as functions on a queue. Each cell has a reader and a
// writer of its own, so that a cell that stops reading, or talks without end, costs
// itself and not the others: the reader takes in so much a second and leaves the rest
// in the cell's socket, it answers questions itself, and the queue of what the keeper
// has to say overflows and has the cell killed.
//
// A keeper that dies takes nothing along (I5): descriptors and processes are the
// anchor's. The next keeper reads them back out of the anchor's inventory, whose
// labels say what each is, and goes on. A process of another protocol version is not
// spoken with but replaced.
//
// With `tunnels: {quic: on}` each pod has UDP sockets beside its listeners, which the anchor holds
// as well (datagrams.go). Two processes must not read the same one: each has a slot, and the
// kernel leads packets by it (package steer). A group that a process has spoiled is given up: that
// pod has no QUIC any more.
//
// A cell that dies is started again after its delay, which doubles; one that dies again
// and again is marked, and its workloads can be moved out meanwhile. What becomes of their
// connections is their owner's choice (onFailure). Processes are replaced behind custody: a
// successor serves before its predecessor lets go, and who does not let go is killed. Listening
// sockets, which every holder can damage, are looked at and made anew. docs/survival.md is the
// page for people.
package keeper
