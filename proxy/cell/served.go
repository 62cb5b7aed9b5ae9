package cell

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// identityWait is how long the listeners stay unread while the first SVID is on
// its way: connections wait in the backlog. After that they are accepted and fail
// with a reason, which is better than waiting for ever for a CA that is gone.
const identityWait = 5 * time.Second

// served is one workload in this cell.
type served struct {
	uid       string
	identity  identity.ID
	work      *proxy.Workload
	resolver  *resolver
	counters  *telemetry.Counters
	account   *budget.Account // nil: budgets are off
	source    *issuing
	netns     *netns.Namespace
	listeners proxy.Listeners
	ctx       context.Context
	stop      context.CancelFunc
	hurry     chan struct{} // closed when nobody else serves the workload: see identityWait
	hastened  bool          // hurry is closed
	running   *sync.WaitGroup
	ended     chan struct{}
	left      chan struct{} // made by drop; closed when all has been said of it

	mu        sync.Mutex
	accepting bool     // or about to
	pending   []func() // those who wait for that
}

func (s *cell) newServed(ctx context.Context, a *Assignment) (*served, error) {
	ns, err := namespace(a)
	if err != nil {
		return nil, err
	}
	l, err := listeners(ns, a)
	if err != nil {
		ns.Close()
		return nil, err
	}
	account := s.account(a)
	datagrams, err := s.datagrams(ns, account, a)
	if err != nil {
		s.Log.Error("no QUIC", "workload", a.Workload.UID, "error", err) // peers go on over HTTP/2
	}
	ctx, stop := context.WithCancel(ctx)
	v := &served{
		uid:       a.Workload.UID,
		identity:  a.Workload.Identity,
		resolver:  newResolver(s.Feed, a.Workload.UID),
		counters:  s.countersOf(a.Workload.UID),
		account:   account,
		source:    s.source(ctx, a.Workload.Identity),
		netns:     ns,
		listeners: l,
		ctx:       ctx,
		stop:      stop,
		hurry:     make(chan struct{}),
		running:   &s.running,
		ended:     make(chan struct{}),
	}
	if !a.Patient {
		v.hasten()
	}
	v.work = proxy.New(proxy.Config{
		Workload: a.Workload, View: a.View, Ports: a.Ports,
		Netns: ns, Source: v.source, Resolver: v.resolver, Transport: s.Transport(v.account), Datagrams: datagrams, Account: v.account, Tunnels: a.Tunnels,
		Sink: s.sink, Counters: v.counters, Log: s.Log, Drain: s.Drain(),
	})
	if a.Last {
		v.work.Last()
	}
	return v, nil
}

// run waits for the first SVID, and serves until stop.
func (v *served) run() {
	defer close(v.ended)
	defer v.netns.Close()
	v.awaitIdentity()
	if v.ctx.Err() != nil {
		v.listeners.Close() // dropped before it began: accept nothing
	}
	v.accept()
	_ = v.work.Run(v.ctx, v.listeners) // only errors of closing listeners
}

// awaitIdentity returns when the first SVID is there, or nobody may wait longer.
func (v *served) awaitIdentity() {
	select {
	case <-v.source.Ready():
		return
	case <-v.ctx.Done():
		return
	case <-v.hurry:
	}
	limit := time.NewTimer(identityWait)
	defer limit.Stop()
	select {
	case <-v.source.Ready():
	case <-v.ctx.Done():
	case <-limit.C:
	}
}

// hasten ends the patience of a workload that another process serves no longer.
func (v *served) hasten() {
	if !v.hastened {
		v.hastened = true
		close(v.hurry)
	}
}

// whenServing reports once the workload is accepted for, and all that is open has been
// judged by its new policies. Before that it only takes note: pushes may come for as long as
// a patient workload has no SVID, and a goroutine for each would wait with it.
func (v *served) whenServing(judged []<-chan struct{}, done func(error)) {
	report := func() {
		for _, each := range judged {
			<-each
		}
		done(nil)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.accepting {
		v.running.Go(report)
		return
	}
	v.pending = append(v.pending, report)
}

// accept lets those hear who wait for it.
func (v *served) accept() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.accepting = true
	for _, report := range v.pending {
		v.running.Go(report)
	}
	v.pending = nil
}

// account is the workload's budget in this cell.
func (s *cell) account(a *Assignment) *budget.Account {
	if a.Budget == nil {
		return nil
	}
	return budget.NewAccount(*a.Budget, s.turns)
}

// setLimits changes a budget. Off and on are for cells that start later: what runs
// was never counted, or is.
func (v *served) setLimits(l *budget.Limits) {
	if l != nil {
		v.account.SetLimits(*l)
	}
}

// cutNow ends open connections without a drain: their pod is gone.
func (v *served) cutNow() { v.work.Cut() }

// namespace takes over the assignment's namespace, or the process's own.
func namespace(a *Assignment) (*netns.Namespace, error) {
	if a.Netns == nil {
		return netns.Own(), nil
	}
	f := a.Netns
	a.Netns = nil
	return netns.FromFile(f)
}

// listeners takes over the assignment's listeners, or makes them in ns.
func listeners(ns *netns.Namespace, a *Assignment) (l proxy.Listeners, err error) {
	files := a.Listeners
	a.Listeners = nil
	if l.Outbound, err = listener(ns, files[FileOutbound], a.Ports.Outbound); err == nil {
		if l.Plaintext, err = listener(ns, files[FilePlaintext], a.Ports.Plaintext); err == nil {
			l.HBONE, err = listener(ns, files[FileHBONE], a.Ports.HBONE)
		}
	}
	for _, f := range files {
		f.Close() // net.FileListener made a descriptor of its own
	}
	if err != nil {
		l.Close()
	}
	return l, err
}

func listener(ns *netns.Namespace, inherited *os.File, port uint16) (*net.TCPListener, error) {
	if inherited == nil {
		l, err := ns.Listen(netns.ListenOptions{Port: port})
		if err != nil {
			return nil, fmt.Errorf("port %d: %w", port, err)
		}
		return l, nil
	}
	l, err := net.FileListener(inherited)
	if err != nil {
		return nil, fmt.Errorf("inherited listener for port %d: %w", port, err)
	}
	t, ok := l.(*net.TCPListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("inherited descriptor for port %d is no TCP listener", port)
	}
	return t, nil
}
