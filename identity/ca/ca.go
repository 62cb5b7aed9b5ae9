package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Lifetimes.
const (
	rootTTL         = 10 * 365 * 24 * time.Hour
	intermediateTTL = 365 * 24 * time.Hour
	defaultTTL      = time.Hour
	defaultMaxTTL   = 24 * time.Hour
)

// Options of a CA.
type Options struct {
	TrustDomain string           // required
	TTL         time.Duration    // of an SVID when the request names none; zero: 1 h
	MaxTTL      time.Duration    // longer wishes are cut to this; zero: 24 h, or TTL if that is longer
	Now         func() time.Time // nil: time.Now
	Logger      *slog.Logger     // nil: silent
	// RootLife is after how long a root is replaced, without anybody noticing: see RotateRoot. Zero: never by itself.
	RootLife time.Duration
	// RootsChanged is told, as PEM, what is trusted whenever that changes. Called under the CA's lock.
	RootsChanged func(pem []byte)
	// Issued is told of every SVID before its requester gets it; nil: nobody. When it
	// fails the requester gets none: the list is whole or of no use. Called from many
	// goroutines.
	Issued func(Issued) error
}

func (o Options) withDefaults() Options {
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.MaxTTL == 0 {
		o.MaxTTL = max(defaultMaxTTL, o.TTL)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) check() error {
	// Any identity of the trust domain will do to hold its name to the rules.
	if _, err := identity.New(o.TrustDomain, "x", "x"); err != nil {
		return fmt.Errorf("trust domain %q: %w", o.TrustDomain, err)
	}
	if o.RootLife < 0 || o.RootLife > 0 && o.RootLife < 4*o.withDefaults().MaxTTL {
		return fmt.Errorf("RootLife %s is less than four times the longest life of an SVID, %s: a rotation takes two", o.RootLife, o.withDefaults().MaxTTL)
	}
	if o.TTL < 0 || o.MaxTTL < 0 {
		return fmt.Errorf("a lifetime is negative: TTL %s, MaxTTL %s", o.TTL, o.MaxTTL)
	}
	return nil
}

// CA is a root and the intermediate that it vouches for.
type CA struct {
	o   Options
	dir string // where it is stored; empty: in memory

	mu           sync.Mutex // guards what follows
	root         authority
	intermediate authority
	next         *succession // nil: no rotation is under way
	again        time.Time   // no earlier is a step tried again that failed
}

// authority is a certificate that signs others, and its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes a CA with fresh keys, in memory.
func New(o Options) (*CA, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	o = o.withDefaults()
	root, err := newAuthority(o, nil)
	if err != nil {
		return nil, fmt.Errorf("ca: root: %w", err)
	}
	intermediate, err := newAuthority(o, &root)
	if err != nil {
		return nil, fmt.Errorf("ca: intermediate: %w", err)
	}
	return &CA{o: o, root: root, intermediate: intermediate}, nil
}

// TrustDomain returns the trust domain that the CA vouches for.
func (c *CA) TrustDomain() string { return c.o.TrustDomain }

// Roots returns what peers must trust, as DER.
func (c *CA) Roots() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	return c.trusted()
}

// RootsPEM is Roots as the text of a file.
func (c *CA) RootsPEM() []byte { return bundlePEM(c.Roots()) }

// newAuthority makes a root when parent is nil, otherwise an intermediate that can sign leaves only.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#32-signing-certificates
func newAuthority(o Options, parent *authority) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	now := o.Now()
	template := &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Bulkhead"}, CommonName: o.TrustDomain + " root"},
		// A signing certificate's SPIFFE ID has no path: that of the trust domain.
		URIs:                  []*url.URL{{Scheme: "spiffe", Host: o.TrustDomain}},
		NotBefore:             now.Add(-backdate(rootTTL)),
		NotAfter:              now.Add(rootTTL),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1,
	}
	signer := authority{cert: template, key: key}
	if parent != nil {
		template.Subject.CommonName = o.TrustDomain + " intermediate"
		template.NotAfter = earlier(now.Add(intermediateTTL), parent.cert.NotAfter)
		template.MaxPathLen, template.MaxPathLenZero = 0, true
		signer = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.cert, key.Public(), signer.key)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return authority{cert: cert, key: key}, err
}

// issuing returns who signs now, and what is trusted with that.
func (c *CA) issuing() (signer authority, roots [][]byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	signer, err = c.signer()
	return signer, c.trusted(), err
}

// fresh says whether a certificate is before its half life.
func (c *CA) fresh(cert *x509.Certificate) bool {
	return c.o.Now().Before(cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 2))
}

// signs says whether a certificate is the one that signs now.
func (c *CA) signs(der []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	signer, err := c.signer()
	return err == nil && bytes.Equal(der, signer.cert.Raw)
}

// backdate is how far a certificate's validity begins in the past, for clocks that are behind ours. A tenth of a short
// lifetime: with a whole minute, an SVID of a minute would be past its half life when it is issued.
func backdate(ttl time.Duration) time.Duration { return min(ttl/10, time.Minute) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
