package ca_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// clock is a clock that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)} }

func newCA(t testing.TB, o ca.Options) *ca.CA {
	t.Helper()
	if o.TrustDomain == "" {
		o.TrustDomain = "td"
	}
	c, err := ca.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mustID(t testing.TB, s string) identity.ID {
	id, err := identity.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func mustCSR(t testing.TB, key crypto.Signer, id identity.ID) []byte {
	csr, err := issuer.NewCSR(key, id)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// mustSign signs and reads the leaf; a failure to make an SVID of it is the test's failure.
func mustSign(t testing.TB, c *ca.CA, id identity.ID, ttl time.Duration) (*identity.SVID, [][]byte) {
	t.Helper()
	key := newKey(t)
	chain, roots, err := c.Sign(mustCSR(t, key, id), id, ttl)
	if err != nil {
		t.Fatal(err)
	}
	svid, err := identity.NewSVID(key, chain, roots)
	if err != nil {
		t.Fatal(err)
	}
	return svid, chain
}

func TestSign(t *testing.T) {
	clock := newClock()
	c := newCA(t, ca.Options{Now: clock.now})
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	svid, chain := mustSign(t, c, id, 0)
	leaf := svid.Certificate.Leaf
	if svid.ID != id || len(chain) != 2 || len(leaf.Subject.Names) != 0 || len(leaf.DNSNames) != 0 {
		t.Errorf("leaf of %s, subject %q, chain of %d", svid.ID, leaf.Subject, len(chain))
	}
	san := slices.IndexFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) })
	if san < 0 || !leaf.Extensions[san].Critical {
		t.Error("the SAN is not critical, and the subject is empty")
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature ||
		!slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
		t.Errorf("CA %v, key usage %b, extended %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	if !leaf.NotAfter.Equal(clock.t.Add(time.Hour)) || !leaf.NotBefore.Equal(clock.t.Add(-time.Minute)) {
		t.Errorf("valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
	}
	if again, _ := mustSign(t, c, id, 0); again.Certificate.Leaf.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Error("two certificates have one serial number")
	}
	for i, der := range append(chain, c.Roots()...) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("certificate %d has another key than ECDSA P-256", i)
		}
		if i > 0 && (!cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign == 0 || cert.URIs[0].String() != "spiffe://td" || cert.MaxPathLen != i-1) {
			t.Errorf("certificate %d is not an authority's: %v, path length %d", i, cert.URIs, cert.MaxPathLen)
		}
	}
}

func TestLifetimes(t *testing.T) {
	clock := newClock()
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	tests := []struct {
		o      ca.Options
		asked  time.Duration
		want   time.Duration
		before time.Duration
	}{
		{ca.Options{}, 0, time.Hour, time.Minute},
		{ca.Options{}, 20 * time.Second, 20 * time.Second, 2 * time.Second},
		{ca.Options{}, 1000 * time.Hour, 24 * time.Hour, time.Minute},
		{ca.Options{TTL: 10 * time.Second}, 0, 10 * time.Second, time.Second},
		{ca.Options{TTL: 100 * time.Hour}, 0, 100 * time.Hour, time.Minute},
		{ca.Options{MaxTTL: time.Minute}, 0, time.Minute, 6 * time.Second},
	}
	for _, test := range tests {
		test.o.Now = clock.now
		svid, _ := mustSign(t, newCA(t, test.o), id, test.asked)
		if got := svid.NotAfter.Sub(clock.t); got != test.want {
			t.Errorf("%+v, asked for %s: an SVID of %s, want %s", test.o, test.asked, got, test.want)
		}
		if got := clock.t.Sub(svid.NotBefore); got != test.before {
			t.Errorf("%+v, asked for %s: dated back %s, want %s", test.o, test.asked, got, test.before)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	c := newCA(t, ca.Options{})
	id, foreign := mustID(t, "spiffe://td/ns/a/sa/b"), mustID(t, "spiffe://other/ns/a/sa/b")
	key := newKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	uri := &url.URL{Scheme: "spiffe", Host: "td", Path: "/ns/a/sa/b"}
	request := func(change func(*x509.CertificateRequest)) []byte {
		template := &x509.CertificateRequest{URIs: []*url.URL{uri}}
		change(template)
		csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
		if err != nil {
			t.Fatal(err)
		}
		return csr
	}
	if _, _, err := c.Sign(request(func(*x509.CertificateRequest) {}), id, 0); err != nil {
		t.Fatalf("the request that the others spoil is refused: %v", err)
	}
	forged := mustCSR(t, key, id)
	forged[len(forged)-1] ^= 1
	tests := map[string]struct {
		csr []byte
		id  identity.ID
		ttl time.Duration
	}{
		"nothing":                     {nil, id, 0},
		"garbage":                     {[]byte("garbage"), id, 0},
		"something behind":            {append(mustCSR(t, key, id), 0), id, 0},
		"no identity":                 {mustCSR(t, key, id), identity.ID{}, 0},
		"another trust domain":        {mustCSR(t, key, foreign), foreign, 0},
		"the SAN of somebody else":    {mustCSR(t, key, mustID(t, "spiffe://td/ns/a/sa/c")), id, 0},
		"asked for somebody else":     {mustCSR(t, key, id), mustID(t, "spiffe://td/ns/a/sa/c"), 0},
		"P-384":                       {mustCSR(t, p384, id), id, 0},
		"RSA":                         {mustCSR(t, rsaKey, id), id, 0},
		"a forged signature":          {forged, id, 0},
		"a negative lifetime":         {mustCSR(t, key, id), id, -time.Second},
		"no SAN":                      {request(func(r *x509.CertificateRequest) { r.URIs = nil }), id, 0},
		"two SANs":                    {request(func(r *x509.CertificateRequest) { r.URIs = append(r.URIs, uri) }), id, 0},
		"a DNS name":                  {request(func(r *x509.CertificateRequest) { r.DNSNames = []string{"x"} }), id, 0},
		"an address":                  {request(func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{{1, 2, 3, 4}} }), id, 0},
		"an email address":            {request(func(r *x509.CertificateRequest) { r.EmailAddresses = []string{"a@b"} }), id, 0},
		"a subject":                   {request(func(r *x509.CertificateRequest) { r.Subject = pkix.Name{CommonName: "x"} }), id, 0},
		"an unusual spelling (query)": {request(func(r *x509.CertificateRequest) { u := *uri; u.RawQuery = "x"; r.URIs = []*url.URL{&u} }), id, 0},
	}
	for name, test := range tests {
		chain, _, err := c.Sign(test.csr, test.id, test.ttl)
		if _, ok := errors.AsType[*ca.RequestError](err); !ok || chain != nil {
			t.Errorf("%s: %v; want a *RequestError", name, err)
		}
	}
}

// TestExtensionsOfARequestAreNotCopied: a CSR may ask for a CA certificate; it gets a leaf.
// Conformance 32: what else a request asks for is not signed.
func TestExtensionsOfARequestAreNotCopied(t *testing.T) {
	c, key, id := newCA(t, ca.Options{}), newKey(t), mustID(t, "spiffe://td/ns/a/sa/b")
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		URIs: []*url.URL{{Scheme: "spiffe", Host: "td", Path: "/ns/a/sa/b"}},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}, // CA: true
			{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{3, 2, 2, 4}},                          // keyCertSign
		},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := c.Sign(csr, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil || leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("%v, CA %v, usage %b", err, leaf.IsCA, leaf.KeyUsage)
	}
}

func TestIntermediateIsReplacedAtHalfLife(t *testing.T) {
	clock := newClock()
	c := newCA(t, ca.Options{Now: clock.now})
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	_, first := mustSign(t, c, id, 0)
	clock.t = clock.t.Add(100 * 24 * time.Hour)
	if _, chain := mustSign(t, c, id, 0); !bytes.Equal(chain[1], first[1]) {
		t.Error("replaced before its half life")
	}
	clock.t = clock.t.Add(100 * 24 * time.Hour)
	svid, second := mustSign(t, c, id, 0)
	if bytes.Equal(second[1], first[1]) || !svid.NotAfter.Equal(clock.t.Add(time.Hour)) {
		t.Errorf("not replaced, or an SVID until %s", svid.NotAfter)
	}
}

func TestEndOfTheRoot(t *testing.T) {
	clock := newClock()
	c := newCA(t, ca.Options{Now: clock.now})
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	end := clock.t.Add(10 * 365 * 24 * time.Hour)
	clock.t = end.Add(-time.Minute)
	if svid, _ := mustSign(t, c, id, 0); svid.Certificate.Leaf.NotAfter.After(end) {
		t.Errorf("an SVID until %s outlives the root", svid.NotAfter)
	}
	clock.t = end.Add(time.Minute)
	if _, _, err := c.Sign(mustCSR(t, newKey(t), id), id, 0); err == nil {
		t.Error("an expired CA signs")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []ca.Options{
		{}, {TrustDomain: "Not A Domain"}, {TrustDomain: "td/ns"}, {TrustDomain: "td", TTL: -1}, {TrustDomain: "td", MaxTTL: -1},
	} {
		if _, err := ca.New(o); err == nil {
			t.Errorf("New(%+v) succeeded", o)
		}
	}
}

func leafURIs(t testing.TB, der []byte) []string {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, u := range cert.URIs {
		out = append(out, u.String())
	}
	return out
}
