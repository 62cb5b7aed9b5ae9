package mesh

import (
	"context"
	"net/netip"
	"time"
)

// Source is where a mesh comes from: a file, or control.
type Source interface {
	// Run calls use with every snapshot and its effect until ctx ends, the first one when
	// the mesh is known as a whole. It never takes back what it knew.
	Run(ctx context.Context, use func(*Snapshot, Effect))
	// Serve says that a workload is served here: all about it has to be known.
	Serve(uid string)
	// Knows says whether what the newest snapshot says of an address is all that there is
	// to say; if not, it will be, and the effect of that snapshot touches the address.
	Knows(s *Snapshot, from string, dst netip.Addr) bool
}

// ResolveFrom is Resolve for the newest snapshot of a source. What the source does not
// know yet is unknown, and not outside of the mesh.
func (s *Snapshot) ResolveFrom(source Source, from string, dst netip.AddrPort) Answer {
	if s == nil || source.Knows(s, from, dst.Addr().Unmap()) {
		return s.Resolve(from, dst)
	}
	return Answer{Kind: Unknown, Version: s.version}
}

// Standing is how a source stands with whoever it hears from.
type Standing struct {
	Since    time.Time     // it hears, or does not, since then
	Error    string        // why it hears nothing; empty: it does
	Answered time.Duration // how long the last sign of life took; zero: nobody is asked for one
	Refused  string        // what of the newest is not used, and why
	Server   string        // who was heard last, of several who say the same; empty: nobody was

	// What control has said; nil where the mesh is a file: Messages are its responses, Bytes those of the resources in them, by type.
	Messages, Bytes map[string]uint64
	// Ended are the streams that did, by why: ConnectionError, Error, Reconnect, Complete.
	Ended map[string]uint64
}

// Has says whether the mesh has a workload or service at an address, in any network.
func (s *Snapshot) Has(a netip.Addr) bool {
	return len(s.workloadsAt(a)) > 0 || len(s.servicesAt(a)) > 0 || len(s.servicesOver(a)) > 0
}

// Touch adds an address to those whose answers may have changed.
func (e *Effect) Touch(a netip.Addr) { e.address(a) }
