package cell

import (
	"context"
	"net/netip"
	"os"

	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Feed is where a cell gets what it needs: what to serve, where destinations are,
// and signatures under its CSRs.
type Feed interface {
	// Events is what to do, in order; it is closed when the feed is gone, and
	// the cell then drains and ends.
	Events() <-chan Event
	// Resolve answers for a workload that the cell serves.
	Resolve(ctx context.Context, uid string, dst netip.AddrPort) (mesh.Answer, error)
	issuer.Signer
}

// Event is one thing to do; exactly one of Serve, Drop, Judge, Invalidate, Strike and Ping is set.
type Event struct {
	Serve      *Assignment
	Drop       *Drop
	Judge      *Judge
	Invalidate *Invalidate
	Cut        func(connections int) // for Drop: called before Done; nil: nobody asks
	Look       *Look
	Seen       func(*Seen)                      // for Look: called once
	Strike     func()                           // a fault that was ordered
	Ping       func(news *Pong, dropped uint64) // answer by calling it, at once; nil: as last time
	Done       func(error)                      // for Serve and Drop: called once when carried out
}

// Assignment is a workload to serve, with its descriptors.
type Assignment struct {
	Workload  mesh.Workload
	View      proxy.View
	Ports     redirect.Ports
	Budget    *budget.Limits      // nil: off
	Tunnels   tunnel.Config       //
	Patient   bool                // see Serve
	Netns     *os.File            // nil: the process's own namespace
	Listeners map[string]*os.File // FileOutbound, FilePlaintext, FileHBONE; nil: make them
	Datagrams *Datagrams          // nil: no QUIC
	// Last: nobody accepts after this cell, however it ends. A keeper says so when it drops a workload, since a cell
	// may have a successor; a sidecar's end is a signal, after which nobody says anything.
	Last bool
}

// Datagrams is the UDP socket of a workload's tunnels, and how to use it.
type Datagrams struct {
	Socket *os.File // nil: the cell makes it
	Slot   uint8
	Key    [32]byte
	err    error // what the keeper said of it is of no use
}

// close gives back descriptors that will not be used.
func (a *Assignment) close() {
	if a.Netns != nil {
		a.Netns.Close()
	}
	for _, f := range a.Listeners {
		f.Close()
	}
	a.Datagrams.close()
}
