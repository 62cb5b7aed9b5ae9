package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// RequestError means that what was asked is not signed, whoever asks.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return "ca: request refused: " + e.Err.Error() }
func (e *RequestError) Unwrap() error { return e.Err }

// Sign issues an SVID for id on the CSR's key: the chain, leaf first and then the intermediate, and the roots. A ttl of zero
// means the CA's own. Whether the caller may have it is not asked here; Service asks its Authorizer.
func (c *CA) Sign(csrDER []byte, id identity.ID, ttl time.Duration) (chain, roots [][]byte, err error) {
	key, err := c.checkRequest(csrDER, id)
	if err != nil {
		return nil, nil, &RequestError{err}
	}
	if ttl < 0 {
		return nil, nil, &RequestError{fmt.Errorf("lifetime %s is negative", ttl)}
	}
	if ttl == 0 {
		ttl = c.o.TTL
	}
	issuer, roots, err := c.issuing()
	if err != nil {
		return nil, nil, err
	}
	leaf, err := c.leaf(issuer, id, key, min(ttl, c.o.MaxTTL))
	if err != nil {
		return nil, nil, err
	}
	if err := c.note(id, leaf); err != nil {
		return nil, nil, err
	}
	return [][]byte{leaf, issuer.cert.Raw}, roots, nil
}

func (c *CA) leaf(issuer authority, id identity.ID, key *ecdsa.PublicKey, ttl time.Duration) ([]byte, error) {
	u, err := url.Parse(id.String())
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	now := c.o.Now()
	if now.After(issuer.cert.NotAfter) {
		return nil, fmt.Errorf("ca: the root expired at %s", issuer.cert.NotAfter)
	}
	// No subject: CreateCertificate then marks the SAN critical, as RFC 5280 4.2.1.6 wants.
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		URIs:                  []*url.URL{u},
		NotBefore:             now.Add(-backdate(ttl)),
		NotAfter:              earlier(now.Add(ttl), issuer.cert.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, issuer.cert, key, issuer.key)
	if err != nil {
		return nil, fmt.Errorf("ca: leaf: %w", err)
	}
	return der, nil
}

// note tells of an SVID, from the certificate itself.
func (c *CA) note(id identity.ID, leaf []byte) error {
	if c.o.Issued == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return fmt.Errorf("ca: leaf: %w", err)
	}
	return c.o.Issued(Issued{Identity: id, PublicKey: cert.RawSubjectPublicKeyInfo, NotAfter: cert.NotAfter})
}

// checkRequest returns the key that the CSR proves to hold.
func (c *CA) checkRequest(csrDER []byte, id identity.ID) (*ecdsa.PublicKey, error) {
	if id.TrustDomain() != c.o.TrustDomain {
		return nil, fmt.Errorf("%q is not of trust domain %q", id, c.o.TrustDomain)
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fmt.Errorf("CSR: %w", err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("CSR: the key is not ECDSA P-256")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("CSR: its signature is not by its own key: %w", err)
	}
	return key, checkNames(csr, id)
}

// checkNames wants the identity and no other name. The names of a CSR do not reach the certificate; one that asks for more
// than it can get is a caller's mistake that should not look like success.
func checkNames(csr *x509.CertificateRequest, id identity.ID) error {
	switch {
	case len(csr.Subject.Names) != 0:
		return fmt.Errorf("CSR: the subject %q is not empty", csr.Subject)
	case len(csr.DNSNames)+len(csr.IPAddresses)+len(csr.EmailAddresses) != 0:
		return errors.New("CSR: a SAN is not a URI")
	case len(csr.URIs) != 1:
		return fmt.Errorf("CSR: %d URI SANs instead of one", len(csr.URIs))
	case csr.URIs[0].String() != id.String():
		return fmt.Errorf("CSR: its SAN is %q and the asked identity %q", csr.URIs[0], id)
	}
	return nil
}

// Local is the CA as an issuer.Signer in its own process, without socket and tokens: for tests, and for tools that make
// their own SVID.
type Local struct {
	CA  *CA
	TTL time.Duration // zero: the CA's
}

// Sign implements issuer.Signer.
func (l Local) Sign(_ context.Context, id identity.ID, csrDER []byte) (chain, roots [][]byte, err error) {
	return l.CA.Sign(csrDER, id, l.TTL)
}
