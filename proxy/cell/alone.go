package cell

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Alone is the feed of a sidecar: one workload, in the process's own network
// namespace, with its own mesh and its own way to the CA.
type Alone struct {
	issuer.Signer
	uid      string
	mesh     mesh.Source
	budgets  budget.Config
	tunnels  tunnel.Config
	reset    [32]byte // the key of stateless resets
	log      *slog.Logger
	snapshot atomic.Pointer[mesh.Snapshot]
	events   chan Event
	serving  func(error) // called when the workload is served, or cannot be
}

// NewAlone makes the feed for one workload of a mesh. Its key of stateless resets should be that of the process before.
func NewAlone(uid string, m mesh.Source, budgets budget.Config, tunnels tunnel.Config, reset [32]byte, s issuer.Signer, log *slog.Logger, serving func(error)) *Alone {
	return &Alone{Signer: s, uid: uid, mesh: m, budgets: budgets, tunnels: tunnels, reset: reset, log: log, events: make(chan Event, 4), serving: serving}
}

// Events implements Feed.
func (a *Alone) Events() <-chan Event { return a.events }

// Run keeps the mesh until ctx ends.
func (a *Alone) Run(ctx context.Context) {
	defer close(a.events)
	a.mesh.Serve(a.uid)
	a.mesh.Run(ctx, func(s *mesh.Snapshot, e mesh.Effect) { a.use(ctx, s, e) })
}

// use makes a snapshot the current one and refreshes what depends on it.
func (a *Alone) use(ctx context.Context, s *mesh.Snapshot, e mesh.Effect) {
	a.snapshot.Store(s)
	w, ok := s.Workload(a.uid)
	if !ok {
		a.serving(fmt.Errorf("the mesh has no workload %q", a.uid))
		return
	}
	a.emit(ctx, Event{Invalidate: &Invalidate{Version: s.Version()}})
	if !e.Concerns(w) {
		return
	}
	a.emit(ctx, Event{Done: a.serving, Serve: &Assignment{
		Workload: w, View: proxy.View{Services: s.Services(a.uid), Policies: s.Policies(w)}, Ports: redirect.SidecarPorts,
		Budget: a.budgets.For(a.uid), Tunnels: a.tunnels,
		Datagrams: a.datagrams(), Last: true,
	}})
}

// datagrams has the cell make its own UDP socket, which ends with it: nobody holds a sidecar's.
func (a *Alone) datagrams() *Datagrams {
	if !a.tunnels.QUIC.On {
		return nil
	}
	return &Datagrams{Key: a.reset}
}

// Strike passes on the order of a fault.
func (a *Alone) Strike(ctx context.Context, o fault.Order) error {
	o.Workload = a.uid
	strike, err := o.Strike()
	if err == nil {
		a.emit(ctx, Event{Strike: strike})
	}
	return err
}

func (a *Alone) emit(ctx context.Context, e Event) {
	select {
	case a.events <- e:
	case <-ctx.Done():
	}
}

// Resolve implements Feed.
func (a *Alone) Resolve(_ context.Context, uid string, dst netip.AddrPort) (mesh.Answer, error) {
	return a.snapshot.Load().ResolveFrom(a.mesh, uid, dst), nil
}
