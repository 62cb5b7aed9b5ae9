package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// The first end in either chain counts, and an own SVID that is gone does not hide the peer's.
func TestUntil(t *testing.T) {
	m := newMint(t, "td", 1)
	ends := func(after time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = t0.Add(after) }
	}
	short := m.shortIntermediate(t, t0.Add(10*time.Minute))
	for name, c := range map[string]struct {
		own  *source
		peer []*x509.Certificate
		want time.Time
	}{
		"own leaf":            {sourceOf(m.svid(t, ends(20*time.Minute))), []*x509.Certificate{m.leaf(t), m.inter}, t0.Add(20 * time.Minute)},
		"peer's leaf":         {sourceOf(m.svid(t)), []*x509.Certificate{m.leaf(t, ends(30*time.Minute)), m.inter}, t0.Add(30 * time.Minute)},
		"peer's intermediate": {sourceOf(m.svid(t)), []*x509.Certificate{short.leaf(t), short.inter}, t0.Add(10 * time.Minute)},
		"own is gone":         {&source{now: t0}, []*x509.Certificate{m.leaf(t), m.inter}, t0.Add(time.Hour)},
	} {
		if got := identity.Until(c.own, tls.ConnectionState{PeerCertificates: c.peer}); !got.Equal(c.want) {
			t.Errorf("%s: until %s, want %s", name, got, c.want)
		}
	}
}
