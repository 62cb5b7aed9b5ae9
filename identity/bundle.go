package identity

import (
	"crypto/x509"
	"fmt"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// Bundle is the set of roots of one trust domain. It does not change once made: a rotation of roots is a new Bundle, in
// the next SVID.
type Bundle struct {
	roots *x509bundle.Bundle
	// pool is roots, made once: x509svid.Verify makes a new pool out of its bundle at every handshake.
	pool   *x509.CertPool
	proven proven
}

// NewBundle makes the bundle of a trust domain from DER certificates, at least one.
func NewBundle(trustDomain string, roots [][]byte) (*Bundle, error) {
	td, err := spiffeid.TrustDomainFromString(trustDomain)
	if err != nil {
		return nil, fmt.Errorf("bundle of trust domain %q: %w", trustDomain, err)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("bundle of trust domain %q: no roots", trustDomain)
	}
	certs, err := parseCertificates(roots)
	if err != nil {
		return nil, fmt.Errorf("bundle of trust domain %q: %w", trustDomain, err)
	}
	b := &Bundle{roots: x509bundle.FromX509Authorities(td, certs), pool: x509.NewCertPool()}
	for _, c := range certs {
		b.pool.AddCert(c)
	}
	return b, nil
}

// TrustDomain returns the name of the trust domain.
func (b *Bundle) TrustDomain() string { return b.roots.TrustDomain().Name() }

// Roots returns the roots as DER.
func (b *Bundle) Roots() [][]byte {
	var out [][]byte
	for _, c := range b.roots.X509Authorities() {
		out = append(out, c.Raw)
	}
	return out
}

// Equal tells whether both hold the same roots for the same trust domain.
func (b *Bundle) Equal(other *Bundle) bool { return b.roots.Equal(other.roots) }

func parseCertificates(der [][]byte) ([]*x509.Certificate, error) {
	certs := make([]*x509.Certificate, len(der))
	for i, d := range der {
		c, err := x509.ParseCertificate(d)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		certs[i] = c
	}
	return certs, nil
}
