package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// Keeper is the state of Run.
type Keeper struct {
	config   Config
	log      *slog.Logger
	anchor   *anchor.Client
	holder   holder // the anchor, as what keeps descriptors
	signer   issuer.Signer
	signing  *vitals.Signing   // signer, and how it goes
	desk     desk              // in front of the signer
	powers   jail.Powers       // what this machine can enforce on cells
	cgroups  *cgroup.Hierarchy // nil: cells run in the keeper's own
	mesh     source            // where it comes from
	snapshot atomic.Pointer[mesh.Snapshot]
	calls    chan func()   // run one after another by the loop
	ended    chan struct{} // closed when the loop has ended
	// life is what the goroutines of cells and restarts live by. It is neither Run's
	// context, since a cell that drains still asks, nor a request's, since a cell
	// outlives the request that made it start.
	life     context.Context
	handOver func()             // ends this keeper, not its cells
	running  sync.WaitGroup     // each Add is one named goroutine of the keeper
	adding   singleflight.Group // by pod UID
	since    time.Time          // this keeper's begin
	level    *slog.LevelVar     // of its own lines and its cells'
	prober   prober
	looks    looks
	verified verifications
	entry    entry      // of pods that are being taken in; guards leaving
	leaving  bool       // the node is rolled back
	rolling  sync.Mutex // held by the one rollback that is under way
	// recaptured counts the pods' rules that somebody else had changed.
	recaptured atomic.Int64

	// Owned by the loop.
	pods      map[string]*pod      // by UID
	cells     map[string]*keptCell // by group
	processes map[string]*process  // by name, that run
	listeners inspections
	spoiled   int // pods that lost QUIC since a process damaged their sockets
	behind    behind
	proxies   proxies

	// What all cells have counted; both have locks of their own.
	series    *istio.Ledger
	failures  istio.Failures
	meshSince time.Time // of the snapshot
	before    string    // how the keeper before this one ended, if it said so; set before the loop begins
}

// holder keeps descriptors beyond this keeper's life.
type holder interface {
	Hold(name string, label []byte, f *os.File) error
	Drop(name string) error
	Fetch(name string) (*os.File, error)
}

// ErrAnchorGone ends a keeper whose anchor has ended.
var ErrAnchorGone = errors.New("the anchor is gone")

// Run keeps the node until ctx ends. It must be a child of the anchor.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	client, inventory, err := anchor.Adopt()
	if err != nil {
		return err
	}
	k := &Keeper{
		config: c, log: log, anchor: client, holder: client, since: time.Now(), level: c.Level,
		calls: make(chan func()), ended: make(chan struct{}), entry: newEntry(),
		pods: map[string]*pod{}, cells: map[string]*keptCell{}, processes: map[string]*process{}, series: istio.New(istio.Options{}),
	}
	k.prober.keeper = k
	if k.level == nil {
		k.level = new(slog.LevelVar)
	}
	if err := k.prepare(); err != nil {
		return err
	}
	signer, err := caclient.New(c.CA, caclient.Impersonating)
	if err != nil {
		return err
	}
	defer signer.Close()
	k.signing = vitals.NewSigning(signer)
	k.signer = k.signing
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	k.handOver = func() { cancel(errHandover) }
	var endLife context.CancelFunc
	k.life, endLife = context.WithCancel(context.WithoutCancel(ctx))
	defer endLife()
	if k.mesh, err = c.source(log); err != nil {
		return err
	}
	k.adopt(inventory)
	k.running.Go(func() { k.mesh.Run(ctx, k.use) })
	if c.path != "" {
		k.running.Go(func() { k.watchConfig(ctx) })
	}
	if c.Liveness.Knock > 0 && !c.Liveness.Off {
		k.running.Go(func() { k.knocking(ctx) })
	}
	if c.Verify.Every > 0 {
		k.running.Go(func() { k.verifying(ctx) })
	}
	if c.Metrics.Address != "" {
		k.running.Go(func() { k.serveMetrics(ctx) })
	}
	k.running.Go(func() {
		if err := admin.Serve(ctx, k.config.Admin, k.routes()); err != nil {
			cancel(err)
		}
	})
	k.loop(ctx, cancel)
	if !handedOver(context.Cause(ctx)) {
		k.endCells()
	}
	close(k.ended)
	if !handedOver(context.Cause(ctx)) {
		k.clearCgroups() // waits for pods on their way in, who must not wait for the loop then
	}
	endLife()
	k.running.Wait()
	k.anchor.Close()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !handedOver(err) {
		return err
	}
	return nil
}

// prepare finds the executable and the cgroups, before anything is started.
func (k *Keeper) prepare() error {
	if k.config.Cell == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		k.config.Cell = filepath.Join(filepath.Dir(self), "bulkhead-cell")
	}
	if _, err := os.Stat(k.config.Cell); err != nil {
		return fmt.Errorf("cell executable: %w", err)
	}
	k.probeJail()
	if k.config.Cgroup == "" {
		return nil
	}
	h, err := cgroup.Detect()
	if err != nil {
		k.log.Warn("cells share the keeper's cgroup", "error", err)
		return nil
	}
	k.cgroups = h
	for _, c := range []string{"memory", "cpu", "pids"} {
		if !slices.Contains(h.Controllers(), c) {
			k.log.Warn("a wall is missing", "controller", c, "error", cgroup.ErrNotEnforceable)
		}
	}
	return nil
}

// loop runs calls, the anchor's events and the liveness clock, until ctx ends.
func (k *Keeper) loop(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(time.Duration(k.config.Liveness.Interval))
	defer tick.Stop()
	for {
		select {
		case f := <-k.calls:
			f()
		case e, ok := <-k.anchor.Events():
			if !ok {
				cancel(ErrAnchorGone)
				return
			}
			k.exited(e)
		case <-tick.C:
			k.checkLiveness()
		case <-ctx.Done():
			return
		}
	}
}

// endCells has every cell drain and end. It is for the end of the node's proxy: a
// keeper that merely crashes leaves its cells running.
func (k *Keeper) endCells() {
	for _, x := range k.processes {
		k.stop(x, "the node's proxy ends")
	}
	for _, c := range k.cells {
		if !k.hasProcess(c) { // it is in back-off: nothing will end any more
			k.raze(c)
		}
	}
	limit := time.NewTimer(time.Duration(k.config.Drain) + time.Second)
	defer limit.Stop()
	for len(k.processes) > 0 {
		select {
		case f := <-k.calls:
			f()
		case e, ok := <-k.anchor.Events():
			if !ok {
				return
			}
			if x := k.processes[e.Name]; x != nil {
				delete(k.processes, e.Name)
				if !k.hasProcess(x.cell) { // another one, draining, keeps the group busy
					k.raze(x.cell)
				}
			}
		case <-limit.C:
			return // the anchor kills what is left
		}
	}
}

func (k *Keeper) hasProcess(c *keptCell) bool {
	for _, x := range k.processes {
		if x.cell == c {
			return true
		}
	}
	return false
}

// do runs f on the loop and waits for it. It says whether f ran: not when the
// keeper is ending.
func (k *Keeper) do(f func()) bool {
	done := make(chan struct{})
	select {
	case k.calls <- func() { defer close(done); f() }:
		<-done
		return true
	case <-k.ended:
		return false
	}
}

// use makes a snapshot the current one and tells the cells what of it is news to them.
func (k *Keeper) use(s *mesh.Snapshot, e mesh.Effect) {
	k.snapshot.Store(s)
	k.do(func() {
		k.meshSince = time.Now()
		for _, x := range k.processes {
			for _, m := range x.outdated(s.Version(), e) {
				x.tell(&cell.Message{Invalidate: m})
			}
		}
		for _, p := range k.pods {
			if w, ok := s.Workload(p.UID); !ok || e.Concerns(w) {
				k.assign(p)
			}
		}
	})
}

// assign sees to it that a pod's cell exists and serves it. A pod that had another
// cell is handed over: see duty.
func (k *Keeper) assign(p *pod) {
	k.mesh.Serve(p.UID)
	group := k.config.Group(p.Pod)
	if err := p.canLeave(isolationOf(group)); err != nil && p.cell != nil {
		k.log.Error("workload stays where it is", "workload", p.UID, "cell", p.cell.group, "error", err)
		p.answer(err)
		k.serve(p) // by the policies of now
		return
	}
	c := k.cells[group]
	if c == nil {
		c = newCell(group)
		k.cells[group] = c
	}
	old := p.cell
	if old != nil {
		delete(old.pods, p.UID)
	}
	p.cell = c
	c.pods[p.UID] = p
	p.join(group)
	switch {
	case c.outside():
		c.state = cellState(isolationOf(group))
		k.leave(p)
	case c.current == nil && c.state != cellBackoff:
		k.start(c) // and serves its pods
	default:
		k.serve(p)
	}
	k.fit(c)
	if old != nil && old != c {
		k.tidy(old)
	}
}
