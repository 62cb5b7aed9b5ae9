// Package hazard is where the data path meets what goes wrong on purpose: connections
// that nobody serves, bugs that a connection or its bytes reach. Package
// proxy/cell/fault makes hazards and arms them, in a lab; nobody else does.
//
//	disarm := hazard.Arm(&hazard.Hazard{Connection: wait})
//	hazard.Connection(ctx, uid) // in the data path, where a connection begins
//	hazard.Bytes(b)             // in the data path, after a read
//
// A package of its own, since the data path must not import the cell above it. While
// nothing is armed each call costs one atomic load of a nil pointer.
package hazard

import (
	"context"
	"sync/atomic"
)

// Hazard is what meets connections and bytes of this process. It is called by many
// goroutines; what is nil meets nothing.
type Hazard struct {
	// Connection meets each connection and each stream of a workload before it is
	// served, on its own goroutine. It may block until ctx ends, and may panic.
	Connection func(ctx context.Context, workload string)
	// Bytes meets what an application sent. It must not keep b.
	Bytes func(b []byte)
}

var armed atomic.Pointer[Hazard]

// Arm has h be met from now on, in place of any other, until the function that it
// returns is called.
func Arm(h *Hazard) (disarm func()) {
	armed.Store(h)
	return func() { armed.CompareAndSwap(h, nil) }
}

// Connection is the data path's call where a connection begins.
func Connection(ctx context.Context, workload string) {
	if h := armed.Load(); h != nil && h.Connection != nil {
		h.Connection(ctx, workload)
	}
}

// Bytes is the data path's call after a read.
func Bytes(b []byte) {
	if h := armed.Load(); h != nil && h.Bytes != nil {
		h.Bytes(b)
	}
}
