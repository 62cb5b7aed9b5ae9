package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// resuming is a pair with tickets switched on at both ends, and a note of what VerifyConnection was asked last.
type resuming struct {
	*pair
	link
	cache          tls.ClientSessionCache
	serverTLS      *tls.Config
	clientTLS      *tls.Config
	serverResuming bool
	clientResuming bool
}

func newResuming(t *testing.T, m *mint) *resuming {
	r := &resuming{pair: newPair(t), link: newLink(t), cache: tls.NewLRUClientSessionCache(8)}
	r.mint = m
	r.server.svid, r.client.svid = m.svid(t, withURIs(t, serverURI)), m.svid(t, withURIs(t, clientURI))
	r.serverTLS = identity.ServerTLS(r.server)
	r.serverTLS.SessionTicketsDisabled = false
	note(r.serverTLS, &r.serverResuming)
	r.setClient(r.accept)
	return r
}

func (r *resuming) setClient(accept []identity.ID) {
	r.clientTLS = identity.ClientTLS(r.client, accept)
	r.clientTLS.SessionTicketsDisabled = false
	r.clientTLS.ClientSessionCache = r.cache
	note(r.clientTLS, &r.clientResuming)
}

func note(c *tls.Config, resuming *bool) {
	verify := c.VerifyConnection
	c.VerifyConnection = func(cs tls.ConnectionState) error { *resuming = cs.DidResume; return verify(cs) }
}

// warm makes a full handshake and a resumed one, so that whatever fails afterwards is not failing for lack of a session.
func (r *resuming) warm(t *testing.T) {
	t.Helper()
	for _, resumed := range []bool{false, true} {
		s, c := r.meet(t, r.serverTLS, r.clientTLS)
		if s.err != nil || c.err != nil {
			t.Fatalf("server: %v; client: %v", s.err, c.err)
		}
		if s.state.DidResume != resumed || c.state.DidResume != resumed {
			t.Fatalf("resumed: server %v, client %v; want %v", s.state.DidResume, c.state.DidResume, resumed)
		}
	}
}

func TestResumedSessionKeepsItsPeer(t *testing.T) {
	r := newResuming(t, newMint(t, "td", 1))
	r.warm(t)
	s, c := r.meet(t, r.serverTLS, r.clientTLS)
	client, errS := identity.PeerID(s.state)
	server, errC := identity.PeerID(c.state)
	if !s.state.DidResume || client.String() != clientURI || server.String() != serverURI {
		t.Errorf("resumed %v, peers %q (%v) and %q (%v)", s.state.DidResume, client, errS, server, errC)
	}
}

// TestResumedSessionIsRefused: in each case the session itself resumes (both ends have agreed on its key when
// VerifyConnection is called), and the check made anew refuses it.
func TestResumedSessionIsRefused(t *testing.T) {
	end := t0.Add(10 * time.Minute)
	otherRoots := newMint(t, "td", 11)
	// withdraw leaves an end its own SVID but takes the root from its bundle that the peer's SVID chains to.
	withdraw := func(s *source) {
		c := *s.svid
		c.Bundle = otherRoots.svid(t).Bundle
		s.set(func(s *source) { s.svid = &c })
	}
	pass := func(s *source) { s.set(func(s *source) { s.now, s.liar = end.Add(time.Second), true }) }
	tests := []struct {
		name   string
		spoil  func(r *resuming)
		by     identity.Side
		reason identity.Reason
	}{
		{"server: the client's root was withdrawn", func(r *resuming) { withdraw(r.server) }, identity.Server, identity.ReasonChain},
		{"client: the server's root was withdrawn", func(r *resuming) { withdraw(r.client) }, identity.Client, identity.ReasonChain},
		// crypto/tls looks at the leaf's end when it resumes; what ends here is the intermediate's, which it does not.
		{"server: the client's SVID expired", func(r *resuming) { pass(r.server) }, identity.Server, identity.ReasonExpired},
		{"client: the server's SVID expired", func(r *resuming) { pass(r.client) }, identity.Client, identity.ReasonExpired},
		{"client: the server is not expected any more", func(r *resuming) {
			r.setClient([]identity.ID{mustID(t, "spiffe://td/ns/a/sa/other")})
		}, identity.Client, identity.ReasonIdentity},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newResuming(t, newMint(t, "td", 1).shortIntermediate(t, end))
			r.warm(t)
			test.spoil(r)
			s, c := r.meet(t, r.serverTLS, r.clientTLS)
			refuser, other, resumed := s, c, r.serverResuming
			if test.by == identity.Client {
				refuser, other, resumed = c, s, r.clientResuming
			}
			if !resumed {
				t.Error("the session was not resumed, so this proves nothing")
			}
			wantVerifyError(t, refuser.err, test.by, test.reason)
			if remoteAlert(other.err) != alertBadCertificate {
				t.Errorf("the refused side saw %v; want the alert bad_certificate", other.err)
			}
		})
	}
}

// TestExpiredLeafIsNotResumed: past the leaf's own end crypto/tls falls back to a full handshake, which is refused as well.
func TestExpiredLeafIsNotResumed(t *testing.T) {
	r := newResuming(t, newMint(t, "td", 1))
	r.warm(t)
	r.server.set(func(s *source) { s.now, s.liar = t0.Add(2*time.Hour), true })
	s, c := r.meet(t, r.serverTLS, r.clientTLS)
	wantVerifyError(t, s.err, identity.Server, identity.ReasonExpired)
	if r.serverResuming || remoteAlert(c.err) != alertBadCertificate {
		t.Errorf("resumed %v; client: %v", r.serverResuming, c.err)
	}
}

func TestResumedSessionWithOwnSVIDExpired(t *testing.T) {
	r := newResuming(t, newMint(t, "td", 1).shortIntermediate(t, t0.Add(10*time.Minute)))
	r.warm(t)
	r.server.set(func(s *source) { s.now = t0.Add(11 * time.Minute) })
	s, c := r.meet(t, r.serverTLS, r.clientTLS)
	if !isExpired(s.err) || !r.serverResuming {
		t.Errorf("server: %v (resumed %v); want an *ExpiredError", s.err, r.serverResuming)
	}
	if remoteAlert(c.err) != alertBadCertificate {
		t.Errorf("client: %v; want the alert bad_certificate", c.err)
	}
}

// TestVerifyPeerCertificateWouldMissIt shows the trap that this package avoids: the same checks in VerifyPeerCertificate let
// the resumed session in. Should this ever fail, crypto/tls has changed and the package documentation with it.
func TestVerifyPeerCertificateWouldMissIt(t *testing.T) {
	r := newResuming(t, newMint(t, "td", 1))
	verify := r.serverTLS.VerifyConnection
	r.serverTLS.VerifyConnection = nil
	r.serverTLS.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		var cs tls.ConnectionState
		for _, der := range raw {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return err
			}
			cs.PeerCertificates = append(cs.PeerCertificates, c)
		}
		return verify(cs)
	}
	r.warm(t)
	c := *r.server.svid
	c.Bundle = newMint(t, "td", 11).svid(t).Bundle
	r.server.set(func(s *source) { s.svid = &c })
	if s, _ := r.meet(t, r.serverTLS, r.clientTLS); s.err != nil || !s.state.DidResume {
		t.Errorf("server: %v, resumed %v", s.err, s.state.DidResume)
	}
	fresh := identity.ClientTLS(r.client, r.accept)
	s, _ := r.meet(t, r.serverTLS, fresh)
	wantVerifyError(t, s.err, identity.Server, identity.ReasonChain)
}
