package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// onlooker verifies peers with an SVID of its own, whose bundle has proven chains or has not.
func onlooker(t testing.TB, m *mint, now time.Time) *source {
	return &source{svid: m.svid(t, withURIs(t, serverURI)), now: now, liar: true}
}

func verdict(src *source, side func(*source) *tls.Config, certs []*x509.Certificate) string {
	return fmt.Sprint(side(src).VerifyConnection(tls.ConnectionState{PeerCertificates: certs}))
}

// A bundle that has seen every chain at a good moment says of each, at any moment, for either use, what one says that
// has seen none.
func TestAProvenChainIsVerifiedAsStrictly(t *testing.T) {
	m := newMint(t, "td", 1)
	short := m.shortIntermediate(t, t0.Add(30*time.Minute))
	forged := newMint(t, "td", 31) // the same names under other keys
	client := withURIs(t, clientURI)
	chains := map[string][]*x509.Certificate{
		"good":                  {m.leaf(t, client), m.inter},
		"short intermediate":    {short.leaf(t, client), short.inter},
		"both intermediates":    {short.leaf(t, client), short.inter, m.inter},
		"no intermediate":       {m.leaf(t, client)},
		"forged intermediate":   {m.leaf(t, client), forged.inter},
		"forged leaf":           {forged.leaf(t, client), m.inter},
		"client only":           {m.leaf(t, client, withEKU(x509.ExtKeyUsageClientAuth)), m.inter},
		"not before a while":    {m.leaf(t, client, func(c *x509.Certificate) { c.NotBefore = t0.Add(5 * time.Minute) }), m.inter},
		"ends in a few minutes": {m.leaf(t, client, func(c *x509.Certificate) { c.NotAfter = t0.Add(20 * time.Minute) }), m.inter},
	}
	sides := map[string]func(*source) *tls.Config{
		"server": func(s *source) *tls.Config { return identity.ServerTLS(s) },
		"client": func(s *source) *tls.Config { return identity.ClientTLS(s, []identity.ID{mustID(t, clientURI)}) },
	}
	warm := onlooker(t, m, t0.Add(10*time.Minute))
	for _, certs := range chains {
		for _, side := range sides {
			verdict(warm, side, certs)
		}
	}
	seen := map[bool]int{} // by whether it was accepted
	for _, after := range []time.Duration{-2 * time.Hour, -time.Second, 10 * time.Minute, 25 * time.Minute, 45 * time.Minute, 2 * time.Hour, 200 * time.Hour} {
		now := t0.Add(after)
		warm.set(func(s *source) { s.now = now })
		for name, certs := range chains {
			for side, config := range sides {
				got, want := verdict(warm, config, certs), verdict(onlooker(t, m, now), config, certs)
				if got != want {
					t.Errorf("%s, at the %s, after %s: %s, and verified anew: %s", name, side, after, got, want)
				}
				seen[want == "<nil>"]++
			}
		}
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("accepted and refused: %v; want some of each", seen)
	}
}

func TestAProvenChainIsNotProvenToOtherRoots(t *testing.T) {
	m, other := newMint(t, "td", 1), newMint(t, "td", 11)
	src := onlooker(t, m, t0)
	certs := []*x509.Certificate{m.leaf(t, withURIs(t, clientURI)), m.inter}
	server := func(s *source) *tls.Config { return identity.ServerTLS(s) }
	if got := verdict(src, server, certs); got != "<nil>" {
		t.Fatal(got)
	}
	next := *src.svid
	next.Bundle = other.svid(t).Bundle
	src.set(func(s *source) { s.svid = &next })
	if got := verdict(src, server, certs); got == "<nil>" {
		t.Error("accepted under roots that it does not lead to")
	}
}

// That it is remembered at all: verifying anew allocates several times as much.
func TestAChainIsProvenOnce(t *testing.T) {
	m := newMint(t, "td", 1)
	src := onlooker(t, m, t0)
	config := identity.ServerTLS(src)
	peer := tls.ConnectionState{PeerCertificates: []*x509.Certificate{m.leaf(t, withURIs(t, clientURI)), m.inter}}
	once := testing.AllocsPerRun(10, func() { _ = config.VerifyConnection(peer) })
	anew := testing.AllocsPerRun(10, func() {
		next := *src.svid
		next.Bundle, _ = identity.NewBundle("td", src.svid.Bundle.Roots())
		src.set(func(s *source) { s.svid = &next })
		_ = config.VerifyConnection(peer)
	})
	if once > anew/3 {
		t.Errorf("%v allocations with the chain known, %v without", once, anew)
	}
}
