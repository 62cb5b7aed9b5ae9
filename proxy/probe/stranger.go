package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// strangerLife is how long a stranger's certificate is good: it must not fail for its age.
const strangerLife = 24 * time.Hour

// Stranger is an SVID of the identity that may ask, signed by a CA that exists nowhere else
// and is thrown away. In the trust domain of a mesh it is a forgery, in another one it
// comes from somewhere else; either must be refused. The roots are those of the far end,
// which the stranger believes: what is tried is whether the far end believes it.
func Stranger(trustDomain string, roots [][]byte) (identity.Source, error) {
	id, err := identity.Probe.Of(trustDomain)
	if err != nil {
		return nil, err
	}
	root, rootKey, err := issue(nil, nil, nil)
	if err != nil {
		return nil, err
	}
	uri, err := url.Parse(id.String())
	if err != nil {
		return nil, err
	}
	leaf, key, err := issue(root, rootKey, uri)
	if err != nil {
		return nil, err
	}
	svid, err := identity.NewSVID(key, [][]byte{leaf.Raw}, [][]byte{root.Raw})
	if err != nil {
		return nil, err
	}
	believes, err := identity.NewBundle(id.TrustDomain(), roots)
	if err != nil {
		return nil, err
	}
	svid.Bundle = believes
	return identity.Static(svid), nil
}

// issue makes a certificate: a leaf under a parent, or a root without one.
func issue(parent *x509.Certificate, parentKey *ecdsa.PrivateKey, uri *url.URL) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{Organization: []string{"stranger"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(strangerLife), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if parent == nil {
		t.IsCA, t.KeyUsage, t.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		parent, parentKey = t, key
	} else {
		t.URIs = []*url.URL{uri}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	c, err := x509.ParseCertificate(der)
	return c, key, err
}
