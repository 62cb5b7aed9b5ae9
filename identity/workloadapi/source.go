// Package workloadapi has an SVID from a SPIFFE Workload API, such as a SPIRE agent's, in place of a CA: key and certificate
// come together, and are pushed anew before they end.
//
//	src := workloadapi.New(id, "unix:///run/spire/agent.sock", log)
//	go src.Run(ctx)  // until ctx is done
//	<-src.Ready()
//	identity.ServerTLS(src)
//
// The key is made by the agent and not here: that is how this API is. It is for a sidecar, whose pod is one identity; a node
// that spoke for its pods would need the agent's delegated API.
//
// When the agent goes away the SVID is kept while it is valid, and the agent is asked again, with pauses of go-spiffe's.
// Whoever ends ctx ends Run; nothing else is to be closed.
package workloadapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Source is an identity.Source that the agent keeps fresh.
type Source struct {
	id      identity.ID
	address string
	log     *slog.Logger
	svid    atomic.Pointer[identity.SVID] // written by Run
	outage  atomic.Pointer[Outage]        // written by Run; nil: there is none
	pushes  atomic.Uint64
	dates   atomic.Pointer[identity.Dates] // written by Run; nil: nothing was pushed
	ready   chan struct{}                  // closed by Run
}

// Outage is that an agent gives nothing that can be used.
type Outage struct {
	Attempts int
	Since    time.Time // of the first attempt
	Err      error     // of the last
}

var _ identity.Source = (*Source)(nil)

// New makes a source of one identity; an agent may have several for a workload. It does not connect.
func New(id identity.ID, address string, log *slog.Logger) *Source {
	return &Source{id: id, address: address, log: log, ready: make(chan struct{})}
}

// Ready is closed when the first SVID is there.
func (s *Source) Ready() <-chan struct{} { return s.ready }

// SVID implements identity.Source.
func (s *Source) SVID() (*identity.SVID, error) {
	svid := s.svid.Load()
	if svid == nil {
		return nil, identity.ErrNoSVID
	}
	if err := svid.Expired(time.Now()); err != nil {
		return nil, err
	}
	return svid, nil
}

// NotAfter returns when the newest SVID ends, or ended; the zero time when there has been none.
func (s *Source) NotAfter() time.Time {
	if svid := s.svid.Load(); svid != nil {
		return svid.NotAfter
	}
	return time.Time{}
}

// Taken says how many SVIDs were taken, and what is wrong with the agent now; nil: nothing.
func (s *Source) Taken() (uint64, *Outage) { return s.pushes.Load(), s.outage.Load() }

// Dates are what those of the pushed SVIDs say of the agent's clock.
func (s *Source) Dates() identity.Dates {
	if c := s.dates.Load(); c != nil {
		return *c
	}
	return identity.Dates{}
}

// failed adds one attempt to the outage.
func (s *Source) failed(err error) {
	o := Outage{Since: time.Now()}
	if last := s.outage.Load(); last != nil {
		o = *last
	}
	o.Attempts, o.Err = o.Attempts+1, err
	s.outage.Store(&o)
}

// Run takes what the agent pushes until ctx is done, and then returns nil.
func (s *Source) Run(ctx context.Context) error {
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(s.address))
	if err != nil {
		return fmt.Errorf("workload API at %s: %w", s.address, err)
	}
	defer client.Close()
	for ctx.Err() == nil {
		// It returns with ctx, and when the agent says one of two things that it takes for final; a sidecar
		// cannot, since nobody would ask again before its SVID ends.
		if err := client.WatchX509Context(ctx, s); ctx.Err() == nil {
			s.away(err)
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
	return nil
}

// again is the pause after an answer that go-spiffe takes for the last.
const again = time.Second

// OnX509ContextUpdate implements go-spiffe's watcher.
func (s *Source) OnX509ContextUpdate(c *workloadapi.X509Context) {
	fresh, err := s.take(c)
	dates := s.Dates().Seen(err)
	s.dates.Store(&dates)
	if err != nil {
		s.failed(err)
		s.log.Warn("SVID of the workload API not used", "identity", s.id, "error", err)
		return
	}
	s.outage.Store(nil)
	s.pushes.Add(1)
	if s.svid.Swap(fresh) == nil {
		close(s.ready)
	}
	s.log.Info("SVID from the workload API", "identity", fresh.ID, "not_after", fresh.NotAfter)
}

// OnX509ContextWatchError implements go-spiffe's watcher.
func (s *Source) OnX509ContextWatchError(err error) {
	if !errors.Is(err, context.Canceled) {
		s.away(err)
	}
}

func (s *Source) away(err error) {
	s.failed(err)
	_, have := s.SVID()
	s.log.Warn("workload API away", "identity", s.id, "error", err, "valid", have == nil)
}

// take finds the source's identity in what the agent has, and holds it to the same rules as a CA's answer.
func (s *Source) take(c *workloadapi.X509Context) (*identity.SVID, error) {
	for _, svid := range c.SVIDs {
		if svid.ID.String() == s.id.String() {
			return fromSPIFFE(c, svid)
		}
	}
	return nil, fmt.Errorf("it has %d SVIDs, and none of this identity", len(c.SVIDs))
}

func fromSPIFFE(c *workloadapi.X509Context, from *x509svid.SVID) (*identity.SVID, error) {
	bundle, err := c.Bundles.GetX509BundleForTrustDomain(from.ID.TrustDomain())
	if err != nil {
		return nil, err
	}
	var chain, roots [][]byte
	for _, cert := range from.Certificates {
		chain = append(chain, cert.Raw)
	}
	for _, root := range bundle.X509Authorities() {
		roots = append(roots, root.Raw)
	}
	svid, err := identity.NewSVID(from.PrivateKey, chain, roots)
	if err != nil {
		return nil, err
	}
	return svid, svid.Dated(time.Now())
}
