package proxy

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// open is a connection that has begun and not ended, of any direction. It is one piece
// with its record: the register costs a connection no allocation of its own.
type open struct {
	telemetry.Record
	cut   context.CancelCauseFunc
	count Bytes                           // of the relay
	now   *atomic.Pointer[netip.AddrPort] // its peer's, see peer

	// Guarded by register.mu.
	older, newer *open
	listed       bool
	relayed      bool // the record does not change any more until its end
	judged       bool // Peer, Source and Destination are known, and policies have looked at them
}

// connection is what policies look at. It may be asked once judged is set.
func (o *open) connection() mesh.Connection {
	from := peer{remote: o.Source, now: o.now}.moved().remote
	return mesh.Connection{Peer: o.Peer, Source: from.Addr(), Destination: o.Destination}
}

// register is a workload's open connections, newest first, and how far judging them anew
// has come: see judge.go.
type register struct {
	mu     sync.Mutex
	newest *open
	judged int // of them

	inForce string          // generation of the policies by which all of those were judged
	judging bool            // a goroutine goes through them
	waiting []chan struct{} // each closed after a round that begins from now on
}

// enter adds a connection that cut ends.
func (g *register) enter(o *open, cut context.CancelCauseFunc) {
	o.cut = cut
	g.mu.Lock()
	defer g.mu.Unlock()
	o.listed = true
	if o.older = g.newest; o.older != nil {
		o.older.newer = o
	}
	g.newest = o
}

// leave may be called for a connection that never entered.
func (g *register) leave(o *open) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !o.listed {
		return
	}
	if o.newer == nil {
		g.newest = o.older
	} else {
		o.newer.older = o.older
	}
	if o.older != nil {
		o.older.newer = o.newer
	}
	if o.judged {
		g.judged--
	}
	o.older, o.newer, o.listed = nil, nil, false
}

// judge has the connection judged again by all policies to come.
func (g *register) judge(o *open) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.listed && !o.judged {
		o.judged = true
		g.judged++
	}
}

// under is the context that a connection lives by, and what ends it.
func under(ctx context.Context, p *budget.Place) (context.Context, context.CancelCauseFunc) {
	if p == nil { // budgets are off
		return context.WithCancelCause(ctx)
	}
	ctx = p.Under(ctx)
	return ctx, p.Cut()
}
