// Package cell is the one composition root of the data plane: [Run] builds the
// data path of every workload that its [Feed] asks for, and ends when its context
// does. The same Run is a cell of a node, whatever its isolation, and the sidecar.
//
// What differs is the feed. [Channel] is the cell's end of the channel to the
// keeper: it is told what to serve, asks for destinations when they are first
// dialled, and has its CSRs signed; it never sees more of the mesh than that, and
// no key but those it makes. [Alone] is the sidecar's: its own mesh file and its
// own CA client.
//
// The messages of the channel are in message.go; the keeper's end is in package
// keeper. One packet is one JSON [Message] with exactly one field set, plus the
// descriptors that it names. Both ends check strictly and close on nonsense.
//
// Ownership: the feed's descriptors belong to the cell once they are in an event;
// each served workload owns its listeners and namespace and closes them when it is
// dropped. Run returns when everything that it started has ended.
package cell
