package identity_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Conformance 30: leaf, chain and roots become one SVID.
func TestNewSVID(t *testing.T) {
	m := newMint(t, "td", 1)
	leaf := m.leaf(t)
	s, err := identity.NewSVID(m.leafKey, [][]byte{leaf.Raw, m.inter.Raw}, [][]byte{m.root.Raw})
	if err != nil {
		t.Fatal(err)
	}
	if s.ID.String() != "spiffe://td/ns/a/sa/b" || s.Bundle.TrustDomain() != "td" || len(s.Bundle.Roots()) != 1 {
		t.Errorf("identity %q, bundle of %q with %d roots", s.ID, s.Bundle.TrustDomain(), len(s.Bundle.Roots()))
	}
	if !s.NotBefore.Equal(leaf.NotBefore) || !s.NotAfter.Equal(leaf.NotAfter) {
		t.Errorf("valid from %s to %s", s.NotBefore, s.NotAfter)
	}
	if c := s.Certificate; c.Leaf == nil || len(c.Certificate) != 2 || c.PrivateKey != crypto.Signer(m.leafKey) {
		t.Errorf("certificate is not ready for handshakes: %+v", c)
	}
	if s.Expired(leaf.NotAfter) != nil {
		t.Error("expired in its last second")
	}
	expired, ok := errors.AsType[*identity.ExpiredError](s.Expired(leaf.NotAfter.Add(1)))
	if !ok || expired.ID != s.ID || !expired.NotAfter.Equal(s.NotAfter) {
		t.Errorf("past its end: %v", expired)
	}
}

func TestSVIDEndsWithItsIntermediate(t *testing.T) {
	end := t0.Add(time.Minute)
	s := newMint(t, "td", 1).shortIntermediate(t, end).svid(t)
	if !s.NotAfter.Equal(end) {
		t.Errorf("NotAfter is %s, want the intermediate's %s", s.NotAfter, end)
	}
}

// Conformance 30: what does not fit together is no SVID.
func TestNewSVIDRefuses(t *testing.T) {
	m, stranger := newMint(t, "td", 1), newMint(t, "td", 11)
	roots := [][]byte{m.root.Raw}
	chainOf := func(change func(*x509.Certificate)) [][]byte { return [][]byte{m.leaf(t, change).Raw, m.inter.Raw} }
	good := chainOf(func(*x509.Certificate) {})
	many := make([][]byte, 9)
	for i := range many {
		many[i] = m.inter.Raw
	}
	tests := []struct {
		name  string
		key   crypto.Signer
		chain [][]byte
		roots [][]byte
		part  string
	}{
		{"no chain", m.leafKey, nil, roots, "chain"},
		{"nine certificates", m.leafKey, many, roots, "chain"},
		{"no DER", m.leafKey, [][]byte{{1, 2, 3}}, roots, "chain"},
		{"something behind the DER", m.leafKey, [][]byte{append(good[0][:len(good[0]):len(good[0])], 0)}, roots, "chain"},
		{"no intermediate", m.leafKey, good[:1], roots, "chain"},
		{"other roots", m.leafKey, good, [][]byte{stranger.root.Raw}, "chain"},
		{"no roots", m.leafKey, good, nil, "roots"},
		{"roots that are no DER", m.leafKey, good, [][]byte{{0}}, "roots"},
		{"no key", nil, good, roots, "key"},
		{"another key", stranger.leafKey, good, roots, "key"},
		{"no URI", m.leafKey, chainOf(withURIs(t)), roots, "leaf"},
		{"two URIs", m.leafKey, chainOf(withURIs(t, "spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/c")), roots, "leaf"},
		{"an ID of another shape", m.leafKey, chainOf(withURIs(t, "spiffe://td/workload")), roots, "leaf"},
		{"the trust domain's ID", m.leafKey, chainOf(withURIs(t, "spiffe://td")), roots, "leaf"},
		{"a CA", m.leafKey, chainOf(func(c *x509.Certificate) { c.IsCA = true }), roots, "leaf"},
		{"no digitalSignature", m.leafKey, chainOf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), roots, "leaf"},
		{"keyCertSign", m.leafKey, chainOf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }), roots, "leaf"},
		{"cRLSign", m.leafKey, chainOf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }), roots, "leaf"},
		{"never valid", m.leafKey, chainOf(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = t0.Add(200*time.Hour), t0.Add(201*time.Hour) // after the intermediate's end
		}), roots, "chain"},
	}
	for _, test := range tests {
		_, err := identity.NewSVID(test.key, test.chain, test.roots)
		if wrong, ok := errors.AsType[*identity.SVIDError](err); !ok || wrong.Part != test.part {
			t.Errorf("%s: error %v; want an *SVIDError about %q", test.name, err, test.part)
		}
	}
}

func TestBundleEqual(t *testing.T) {
	a, b := newMint(t, "td", 1), newMint(t, "td", 11)
	of := func(td string, roots ...[]byte) *identity.Bundle {
		bundle, err := identity.NewBundle(td, roots)
		if err != nil {
			t.Fatal(err)
		}
		return bundle
	}
	one := of("td", a.root.Raw)
	if !one.Equal(of("td", a.root.Raw)) || one.Equal(of("td", b.root.Raw)) ||
		one.Equal(of("td", a.root.Raw, b.root.Raw)) || one.Equal(of("other", a.root.Raw)) {
		t.Error("bundles do not compare by trust domain and roots")
	}
	if _, err := identity.NewBundle("Not A Trust Domain", [][]byte{a.root.Raw}); err == nil {
		t.Error("a bad trust domain was accepted")
	}
}

// FuzzNewSVID feeds what a CA might answer. The key is fixed, so that a mutated good chain gets past the check of keys.
func FuzzNewSVID(f *testing.F) {
	m := newMint(f, "td", 1)
	leaf := m.leaf(f)
	f.Add(leaf.Raw, m.inter.Raw, m.root.Raw)
	f.Add(m.leaf(f, func(c *x509.Certificate) { c.IsCA = true }).Raw, m.inter.Raw, m.root.Raw)
	f.Add(m.leaf(f, withURIs(f, "spiffe://td/x", "https://td")).Raw, m.inter.Raw, m.root.Raw)
	f.Add(leaf.Raw, []byte{}, m.root.Raw)
	f.Add([]byte{0x30, 0x82}, []byte{0x30}, []byte{})
	f.Fuzz(func(t *testing.T, leaf, inter, root []byte) {
		chain := [][]byte{leaf}
		if len(inter) > 0 {
			chain = append(chain, inter)
		}
		s, err := identity.NewSVID(m.leafKey, chain, [][]byte{root})
		if err != nil {
			if _, ok := errors.AsType[*identity.SVIDError](err); !ok || s != nil {
				t.Fatalf("%v is no *SVIDError, or came with an SVID", err)
			}
			return
		}
		if s.ID.IsZero() || s.Certificate.Leaf == nil || s.Bundle.TrustDomain() != s.ID.TrustDomain() || s.NotAfter.Before(s.NotBefore) {
			t.Fatalf("accepted, and not whole: %+v", s)
		}
	})
}
