package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

const (
	serverURI = "spiffe://td/ns/a/sa/server"
	clientURI = "spiffe://td/ns/a/sa/client"
)

// pair is two ends that like each other, for a test to spoil.
type pair struct {
	mint           *mint
	server, client *source
	accept         []identity.ID
}

func newPair(t testing.TB) *pair {
	m := newMint(t, "td", 1)
	return &pair{
		mint:   m,
		server: sourceOf(m.svid(t, withURIs(t, serverURI))),
		client: sourceOf(m.svid(t, withURIs(t, clientURI))),
		accept: []identity.ID{mustID(t, serverURI)},
	}
}

func TestGoodPair(t *testing.T) {
	p := newPair(t)
	p.accept = append([]identity.ID{mustID(t, "spiffe://td/ns/a/sa/other")}, p.accept...)
	config := identity.ServerTLS(p.server)
	var hello *tls.ClientHelloInfo
	own := config.GetCertificate
	config.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { hello = h; return own(h) }
	s, c := newLink(t).meet(t, config, identity.ClientTLS(p.client, p.accept))
	if s.err != nil || c.err != nil {
		t.Fatalf("server: %v; client: %v", s.err, c.err)
	}
	if hello.ServerName != "" {
		t.Errorf("the client sent SNI %q", hello.ServerName)
	}
	for _, e := range []struct {
		end
		peer string
	}{{s, clientURI}, {c, serverURI}} {
		peer, err := identity.PeerID(e.state)
		if err != nil || peer.String() != e.peer {
			t.Errorf("peer is %q, %v; want %q", peer, err, e.peer)
		}
		if e.state.Version != tls.VersionTLS13 || e.state.NegotiatedProtocol != "h2" || e.state.CurveID != tls.X25519 {
			t.Errorf("negotiated %#x, %q, %s", e.state.Version, e.state.NegotiatedProtocol, e.state.CurveID)
		}
	}
}

func TestNoTicketsByDefault(t *testing.T) {
	p, k := newPair(t), newLink(t)
	server := identity.ServerTLS(p.server)
	client := identity.ClientTLS(p.client, p.accept)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	client.SessionTicketsDisabled = false // the server's refusal has to suffice
	for range 2 {
		if s, c := k.meet(t, server, client); s.err != nil || c.err != nil || c.state.DidResume {
			t.Fatalf("server: %v; client: %v; resumed: %v", s.err, c.err, c.state.DidResume)
		}
	}
}

func TestCertificateIsBuiltOncePerRotation(t *testing.T) {
	p := newPair(t)
	server, client := identity.ServerTLS(p.server), identity.ClientTLS(p.client, p.accept)
	for name, get := range map[string]func() (*tls.Certificate, error){
		"server": func() (*tls.Certificate, error) { return server.GetCertificate(nil) },
		"client": func() (*tls.Certificate, error) { return client.GetClientCertificate(nil) },
	} {
		a, errA := get()
		b, errB := get()
		if errA != nil || errB != nil || a != b || a.Leaf == nil {
			t.Errorf("%s: two handshakes got %p and %p (%v, %v)", name, a, b, errA, errB)
		}
		if n := testing.AllocsPerRun(10, func() { get() }); n != 0 {
			t.Errorf("%s: %v allocations per handshake", name, n)
		}
	}
	next := p.mint.svid(t, withURIs(t, serverURI))
	p.server.set(func(s *source) { s.svid = next })
	if c, _ := server.GetCertificate(nil); c != next.Certificate {
		t.Error("the configuration did not follow a rotation")
	}
}

// TestRefusals has one line per way to be refused: who refuses, with which type of error, and what the other side learns.
// Conformance 28: refused at the end that verifies, with an alert for the other.
func TestRefusals(t *testing.T) {
	p := newPair(t)
	m, foreign, namesake := p.mint, newMint(t, "other", 11), newMint(t, "td", 21)
	expired := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = t0.Add(-time.Hour), t0.Add(-time.Second) }
	future := func(c *x509.Certificate) { c.NotBefore = t0.Add(time.Second) }
	client, server := withURIs(t, clientURI), withURIs(t, serverURI)
	liar := func(s *identity.SVID) *source { return &source{svid: s, now: t0, liar: true} }
	// A client of another trust domain that would accept us: it has our roots.
	trustingUs := func(s *identity.SVID) *source { c := *s; c.Bundle = m.svid(t).Bundle; return liar(&c) }
	shortLived := m.shortIntermediate(t, t0.Add(-time.Second))

	tests := []struct {
		name           string
		server, client *source // nil: the good one
		by             identity.Side
		reason         identity.Reason
	}{
		{"client of another trust domain", nil, trustingUs(foreign.svid(t)), identity.Server, identity.ReasonTrustDomain},
		{"client of another trust domain by our CA", nil, liar(m.odd(t, 0, withURIs(t, "spiffe://other/ns/a/sa/b"))), identity.Server, identity.ReasonTrustDomain},
		{"client first SAN of another trust domain", nil, liar(m.odd(t, 0, withURIs(t, "spiffe://other/ns/a/sa/b", clientURI))), identity.Server, identity.ReasonTrustDomain},
		{"client of our trust domain by another CA", nil, trustingUs(namesake.svid(t, client)), identity.Server, identity.ReasonChain},
		{"client expired", nil, liar(m.odd(t, 0, client, expired)), identity.Server, identity.ReasonExpired},
		{"client not yet valid", nil, liar(m.odd(t, 0, client, future)), identity.Server, identity.ReasonNotYet},
		{"client intermediate expired", nil, liar(shortLived.odd(t, 0, client)), identity.Server, identity.ReasonExpired},
		{"client with EKU serverAuth", nil, liar(m.odd(t, 0, client, withEKU(x509.ExtKeyUsageServerAuth))), identity.Server, identity.ReasonEKU},
		{"client without EKU", nil, liar(m.odd(t, 0, client, withEKU())), identity.Server, identity.ReasonEKU},
		{"client with a CA certificate", nil, liar(m.odd(t, 0, client, func(c *x509.Certificate) { c.IsCA = true })), identity.Server, identity.ReasonMalformed},
		{"client that may sign", nil, liar(m.odd(t, 0, client, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })), identity.Server, identity.ReasonMalformed},
		{"client without identity", nil, liar(m.odd(t, 0, withURIs(t))), identity.Server, identity.ReasonMalformed},
		{"client with an escaped identity", nil, liar(m.odd(t, 0, withURIs(t, "spiffe://td/ns/%61/sa/client"))), identity.Server, identity.ReasonMalformed},
		{"client with nine certificates", nil, liar(m.odd(t, 7, client)), identity.Server, identity.ReasonMalformed},

		{"server of another identity", liar(m.odd(t, 0, withURIs(t, "spiffe://td/ns/a/sa/impostor"))), nil, identity.Client, identity.ReasonIdentity},
		{"server of another trust domain", liar(foreign.svid(t, withURIs(t, "spiffe://other/ns/a/sa/server"))), nil, identity.Client, identity.ReasonIdentity},
		{"server's identity by another CA", liar(namesake.svid(t, server)), nil, identity.Client, identity.ReasonChain},
		{"server expired", liar(m.odd(t, 0, server, expired)), nil, identity.Client, identity.ReasonExpired},
		{"server not yet valid", liar(m.odd(t, 0, server, future)), nil, identity.Client, identity.ReasonNotYet},
		{"server intermediate expired", liar(shortLived.odd(t, 0, server)), nil, identity.Client, identity.ReasonExpired},
		{"server with EKU clientAuth", liar(m.odd(t, 0, server, withEKU(x509.ExtKeyUsageClientAuth))), nil, identity.Client, identity.ReasonEKU},
		{"server without EKU", liar(m.odd(t, 0, server, withEKU())), nil, identity.Client, identity.ReasonEKU},
		{"server with a CA certificate", liar(m.odd(t, 0, server, func(c *x509.Certificate) { c.IsCA = true })), nil, identity.Client, identity.ReasonMalformed},
		{"server without identity", liar(m.odd(t, 0, withURIs(t, "https://td/"))), nil, identity.Client, identity.ReasonMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.server == nil {
				test.server = p.server
			}
			if test.client == nil {
				test.client = p.client
			}
			s, c := newLink(t).meet(t, identity.ServerTLS(test.server), identity.ClientTLS(test.client, p.accept))
			refuser, other := s, c
			if test.by == identity.Client {
				refuser, other = c, s
			}
			wantVerifyError(t, refuser.err, test.by, test.reason)
			if remoteAlert(other.err) != alertBadCertificate {
				t.Errorf("the refused side saw %v; want the alert bad_certificate", other.err)
			}
		})
	}
}

func wantVerifyError(t testing.TB, err error, side identity.Side, reason identity.Reason) {
	t.Helper()
	refused, ok := errors.AsType[*identity.VerifyError](err)
	if !ok || refused.Side != side || refused.Reason != reason || refused.Err == nil {
		t.Errorf("error %v; want a *VerifyError of the %s side because of %s", err, side, reason)
	}
}

func TestNoClientCertificate(t *testing.T) {
	p := newPair(t)
	bare := identity.ClientTLS(p.client, p.accept)
	bare.GetClientCertificate = nil
	s, c := newLink(t).meet(t, identity.ServerTLS(p.server), bare)
	if s.err == nil || remoteAlert(c.err) != alertCertificateRequired {
		t.Errorf("server: %v; client: %v; want a refusal and the alert certificate_required", s.err, c.err)
	}
	// Should somebody soften ClientAuth, VerifyConnection refuses for itself.
	soft := identity.ServerTLS(p.server)
	soft.ClientAuth = tls.RequestClientCert
	s, c = newLink(t).meet(t, soft, bare)
	wantVerifyError(t, s.err, identity.Server, identity.ReasonNoCertificate)
	if remoteAlert(c.err) != alertBadCertificate {
		t.Errorf("client: %v; want the alert bad_certificate", c.err)
	}
}

func TestNobodyExpected(t *testing.T) {
	p := newPair(t)
	_, c := newLink(t).meet(t, identity.ServerTLS(p.server), identity.ClientTLS(p.client, nil))
	wantVerifyError(t, c.err, identity.Client, identity.ReasonIdentity)
}

func TestAnySAN(t *testing.T) {
	p := newPair(t)
	m := p.mint
	p.server.svid = m.odd(t, 0, withURIs(t, "https://td/", "spiffe://td/ns/a/sa/first", serverURI))
	p.client.svid = m.odd(t, 0, withURIs(t, "urn:x", clientURI, "spiffe://td/ns/a/sa/second"))
	s, c := newLink(t).meet(t, identity.ServerTLS(p.server), identity.ClientTLS(p.client, p.accept))
	if s.err != nil || c.err != nil {
		t.Fatalf("server: %v; client: %v", s.err, c.err)
	}
	if peer, err := identity.PeerID(s.state); err != nil || peer.String() != clientURI {
		t.Errorf("the server's peer is %q, %v; want the first identity", peer, err)
	}
}

// TestOwnSVID: an end whose own SVID is not there or has expired refuses to shake hands at all.
// Conformance 29: no handshake with an own SVID that has expired.
func TestOwnSVID(t *testing.T) {
	late := t0.Add(2 * time.Hour)
	tests := []struct {
		name   string
		spoil  func(p *pair) // one side
		broken identity.Side
		none   bool // ErrNoSVID, otherwise *ExpiredError
		alert  uint64
	}{
		{"server expired", func(p *pair) { p.server.now = late }, identity.Server, false, alertInternalError},
		{"server has none", func(p *pair) { p.server.svid = nil }, identity.Server, true, alertInternalError},
		{"client expired", func(p *pair) { p.client.now = late }, identity.Client, false, alertBadCertificate},
		{"client has none", func(p *pair) { p.client.svid = nil }, identity.Client, true, alertBadCertificate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t)
			test.spoil(p)
			s, c := newLink(t).meet(t, identity.ServerTLS(p.server), identity.ClientTLS(p.client, p.accept))
			broken, other := s, c
			if test.broken == identity.Client {
				broken, other = c, s
			}
			if test.none != errors.Is(broken.err, identity.ErrNoSVID) || test.none == isExpired(broken.err) {
				t.Errorf("the %s failed with %v", test.broken, broken.err)
			}
			if remoteAlert(other.err) != test.alert {
				t.Errorf("the other side saw %v; want alert %d", other.err, test.alert)
			}
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	p := newPair(t)
	old := identity.ClientTLS(p.client, p.accept)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	s, c := newLink(t).meet(t, identity.ServerTLS(p.server), old)
	if s.err == nil || errors.Is(s.err, io.EOF) || remoteAlert(c.err) != alertProtocolVersion {
		t.Errorf("server: %v; client: %v; want the alert protocol_version", s.err, c.err)
	}
}

func TestPeerIDWithoutOne(t *testing.T) {
	m := newMint(t, "td", 1)
	for name, cs := range map[string]tls.ConnectionState{
		"no certificate": {},
		"no identity":    {PeerCertificates: []*x509.Certificate{m.leaf(t, withURIs(t, "https://td/"))}},
	} {
		if id, err := identity.PeerID(cs); err == nil || !id.IsZero() {
			t.Errorf("%s: PeerID = %q, %v", name, id, err)
		}
	}
}

func TestStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svid := newMint(t, "td", 1).svid(t)
		src := identity.Static(svid)
		time.Sleep(time.Until(t0))
		if got, err := src.SVID(); err != nil || got != svid {
			t.Errorf("while it is valid: %v, %v", got, err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := src.SVID(); !isExpired(err) {
			t.Errorf("afterwards: %v; want an *ExpiredError", err)
		}
	})
}

func isExpired(err error) bool {
	_, ok := errors.AsType[*identity.ExpiredError](err)
	return ok
}
