package discovery

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/wds"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// Feed is the mesh as control says it.
type Feed struct {
	client   *xds.Client
	onDemand bool

	using sync.Mutex                        // orders snapshots; held while use is called, which may wait for whoever asks Knows
	use   func(*mesh.Snapshot, mesh.Effect) // nil before the mesh is complete

	mu       sync.Mutex
	snapshot *mesh.Snapshot
	// On demand:
	asked  map[string]netip.Addr // name by which control was asked for an address
	known  map[string]uint64     // those of them that it answered, and since which version
	served map[string]bool       // UIDs of workloads that are served here
}

var _ mesh.Source = (*Feed)(nil)

// New prepares a feed for a proxy of that name on a node.
func New(c Config, name, onNode string, log *slog.Logger) (*Feed, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	f := &Feed{onDemand: c.OnDemand, asked: map[string]netip.Addr{}, known: map[string]uint64{}, served: map[string]bool{}}
	f.snapshot, _ = f.snapshot.With(mesh.Change{}, 0)
	f.client = xds.NewClient(xds.ClientConfig{
		Replicas: replicas(c, name),
		Node:     node(name, onNode),
		Types:    []xds.Subscription{{Type: wds.PolicyType}, {Type: wds.AddressType, OnDemand: c.OnDemand}},
		Handler:  handler{f},
		Log:      log,
	})
	return f, nil
}

// Run implements mesh.Source.
func (f *Feed) Run(ctx context.Context, use func(*mesh.Snapshot, mesh.Effect)) {
	var running sync.WaitGroup
	running.Go(func() { f.client.Run(ctx) })
	defer running.Wait()
	select {
	case <-f.client.Ready():
	case <-ctx.Done():
		return
	}
	f.begin(use)
}

func (f *Feed) begin(use func(*mesh.Snapshot, mesh.Effect)) {
	f.using.Lock()
	defer f.using.Unlock()
	f.use = use
	f.mu.Lock()
	s := f.snapshot
	f.mu.Unlock()
	use(s, mesh.Everything())
}

// Standing is how it stands with control.
func (f *Feed) Standing() mesh.Standing { return mesh.Standing(f.client.Standing()) }

// Serve implements mesh.Source.
func (f *Feed) Serve(uid string) {
	if !f.onDemand {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.served[uid] {
		return
	}
	f.served[uid] = true
	f.client.Demand(wds.AddressType, uid)
	f.belongings(uid)
}

// belongings demands the services that a served workload is an endpoint of.
func (f *Feed) belongings(uid string) {
	w, _ := f.snapshot.Workload(uid)
	for key := range w.Services {
		f.client.Demand(wds.AddressType, key)
	}
}

// Knows implements mesh.Source.
func (f *Feed) Knows(s *mesh.Snapshot, from string, dst netip.Addr) bool {
	if !f.onDemand {
		return true
	}
	w, _ := s.Workload(from)
	name := w.Network + "/" + dst.String()
	f.mu.Lock()
	defer f.mu.Unlock()
	if since, known := f.known[name]; known {
		return s.Version() >= since
	}
	if f.client.Demand(wds.AddressType, name) {
		f.asked[name] = dst
	}
	return false
}

// handler keeps Apply off the feed's own methods.
type handler struct{ *Feed }

// Apply implements xds.Handler: one snapshot for each response.
func (h handler) Apply(r xds.Response) map[string]error {
	f := h.Feed
	var b wds.Batch
	rejected := map[string]error{}
	for _, x := range r.Resources {
		if err := b.Add(r.Type, x.Name, x.Value); err != nil {
			rejected[x.Name] = err
			if errors.Is(err, wds.ErrLost) {
				rejected[x.Name] = xds.Lost{Err: err}
			}
		}
	}
	for _, name := range r.Removed {
		b.Remove(r.Type, name)
	}
	f.using.Lock()
	defer f.using.Unlock()
	if s, effect := f.apply(r, b.Change); f.use != nil && !effect.None() {
		f.use(s, effect)
	}
	return rejected
}

func (f *Feed) apply(r xds.Response, c mesh.Change) (*mesh.Snapshot, mesh.Effect) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, effect := f.snapshot.With(c, f.snapshot.Version()+1)
	f.snapshot = s
	f.answered(r, &effect)
	return s, effect
}

// answered notes which addresses control has answered for, and demands what belongs to
// the workloads that are served here.
func (f *Feed) answered(r xds.Response, e *mesh.Effect) {
	if !f.onDemand || r.Type != wds.AddressType {
		return
	}
	for uid := range f.served {
		if e.Changed(uid) {
			f.belongings(uid)
		}
	}
	for _, name := range r.Removed {
		f.settle(name, e)
	}
	for _, x := range r.Resources {
		for _, alias := range x.Aliases {
			f.settle(alias, e)
		}
	}
	for name, a := range f.asked { // of servers that name no aliases
		if f.snapshot.Has(a) {
			f.settle(name, e)
		}
	}
}

func (f *Feed) settle(name string, e *mesh.Effect) {
	if a, asked := f.asked[name]; asked {
		delete(f.asked, name)
		f.known[name] = f.snapshot.Version()
		e.Touch(a)
	}
}
