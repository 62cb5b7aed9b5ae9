package issuer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Signer has a certificate signed for an identity: by a CA, or by whoever stands in for it (a cell asks its keeper). It
// takes a CSR and returns the chain, leaf first, and the roots, all DER. It must return when ctx is done.
type Signer interface {
	Sign(ctx context.Context, id identity.ID, csrDER []byte) (chain, roots [][]byte, err error)
}

// Options tune an Issuer; the zero value is right for production.
type Options struct {
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	// Jitter returns a number in [0,1) that places a pause within its ±20 %; nil: random.
	Jitter func() float64
	// Timeout bounds one attempt; zero: 10 s.
	Timeout time.Duration
}

// Issuer is an identity.Source that rotates.
type Issuer struct {
	id      identity.ID
	signer  Signer
	log     *slog.Logger
	now     func() time.Time
	jitter  func() float64
	timeout time.Duration

	running atomic.Bool
	svid    atomic.Pointer[identity.SVID] // written by Run
	ready   chan struct{}                 // closed by Run
}

var (
	_ identity.Source = (*Issuer)(nil)
	_ identity.Clock  = (*Issuer)(nil)
)

// New makes an issuer that has no SVID yet; Run gets one.
func New(id identity.ID, s Signer, o Options) *Issuer {
	i := &Issuer{
		id: id, signer: s, log: o.Logger, now: o.Now, jitter: o.Jitter, timeout: o.Timeout,
		ready: make(chan struct{}),
	}
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	if i.now == nil {
		i.now = time.Now
	}
	if i.jitter == nil {
		i.jitter = rand.Float64
	}
	if i.timeout == 0 {
		i.timeout = 10 * time.Second
	}
	return i
}

// ID returns the identity that is kept fresh.
func (i *Issuer) ID() identity.ID { return i.id }

// Now is the issuer's clock; it makes TLS configurations follow it.
func (i *Issuer) Now() time.Time { return i.now() }

// Ready is closed when the first SVID is there.
func (i *Issuer) Ready() <-chan struct{} { return i.ready }

// SVID returns the newest SVID while it is valid.
func (i *Issuer) SVID() (*identity.SVID, error) {
	s := i.svid.Load()
	if s == nil {
		return nil, identity.ErrNoSVID
	}
	if err := s.Expired(i.now()); err != nil {
		return nil, err
	}
	return s, nil
}

// NotAfter returns when the newest SVID ends, or ended; the zero time when there has been none.
func (i *Issuer) NotAfter() time.Time {
	if s := i.svid.Load(); s != nil {
		return s.NotAfter
	}
	return time.Time{}
}

var errRunning = errors.New("issuer: Run was called twice")

// Run gets an SVID and rotates it until ctx is done, and then returns nil.
func (i *Issuer) Run(ctx context.Context) error {
	if !i.running.CompareAndSwap(false, true) {
		return errRunning
	}
	return i.rotate(ctx)
}
