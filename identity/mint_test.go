package identity_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// mint is a CA that signs anything, good or bad; identity/ca would refuse most of what these tests need.
type mint struct {
	trustDomain string
	root, inter *x509.Certificate
	rootKey     *ecdsa.PrivateKey
	interKey    *ecdsa.PrivateKey
	leafKey     *ecdsa.PrivateKey
}

// t0 is when the tests play; sources here have their own clock.
var t0 = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// fixedKey is the same in every process, so that a fuzzer's workers can use each other's corpus.
func fixedKey(t testing.TB, b byte) *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newMint(t testing.TB, trustDomain string, seed byte) *mint {
	m := &mint{
		trustDomain: trustDomain,
		rootKey:     fixedKey(t, seed), interKey: fixedKey(t, seed+1), leafKey: fixedKey(t, seed+2),
	}
	authority := x509.Certificate{
		URIs:      []*url.URL{{Scheme: "spiffe", Host: trustDomain}},
		NotBefore: t0.Add(-time.Hour), NotAfter: t0.Add(100 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	root, inter := authority, authority
	root.Subject.CommonName, inter.Subject.CommonName = "root", "intermediate"
	m.root = sign(t, &root, &root, &m.rootKey.PublicKey, m.rootKey)
	m.inter = sign(t, &inter, m.root, &m.interKey.PublicKey, m.rootKey)
	return m
}

// shortIntermediate replaces the intermediate by one that ends early.
func (m *mint) shortIntermediate(t testing.TB, notAfter time.Time) *mint {
	c := *m
	template := *m.inter
	template.NotAfter, template.SerialNumber = notAfter, nil
	c.inter = sign(t, &template, m.root, &m.interKey.PublicKey, m.rootKey)
	return &c
}

func sign(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leaf makes a leaf that is good for an hour from t0, after each change.
func (m *mint) leaf(t testing.TB, changes ...func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{
		URIs:      []*url.URL{uri(t, "spiffe://"+m.trustDomain+"/ns/a/sa/b")},
		NotBefore: t0.Add(-time.Minute), NotAfter: t0.Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	for _, change := range changes {
		change(template)
	}
	return sign(t, template, m.inter, &m.leafKey.PublicKey, m.interKey)
}

// svid makes an SVID that NewSVID accepts.
func (m *mint) svid(t testing.TB, changes ...func(*x509.Certificate)) *identity.SVID {
	s, err := identity.NewSVID(m.leafKey, [][]byte{m.leaf(t, changes...).Raw, m.inter.Raw}, [][]byte{m.root.Raw})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// odd makes an SVID around any leaf and any chain: what a hostile or broken peer would show.
func (m *mint) odd(t testing.TB, extra int, changes ...func(*x509.Certificate)) *identity.SVID {
	s := *m.svid(t)
	chain := [][]byte{m.leaf(t, changes...).Raw, m.inter.Raw}
	for range extra {
		chain = append(chain, m.inter.Raw)
	}
	s.Certificate = &tls.Certificate{Certificate: chain, PrivateKey: m.leafKey}
	return &s
}

func uri(t testing.TB, s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func withURIs(t testing.TB, uris ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.URIs = nil
		for _, u := range uris {
			c.URIs = append(c.URIs, uri(t, u))
		}
	}
}

func withEKU(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
}

// source is a Source whose SVID and clock the test sets.
type source struct {
	mu   sync.Mutex
	svid *identity.SVID
	now  time.Time
	liar bool // hands out an expired SVID
}

func sourceOf(s *identity.SVID) *source { return &source{svid: s, now: t0} }

func (s *source) SVID() (*identity.SVID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.svid == nil {
		return nil, identity.ErrNoSVID
	}
	if err := s.svid.Expired(s.now); err != nil && !s.liar {
		return nil, err
	}
	return s.svid, nil
}

func (s *source) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func mustID(t testing.TB, s string) identity.ID {
	id, err := identity.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
