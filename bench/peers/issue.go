package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// ServerName is the DNS name in the server's certificate: nginx verifies no server without one. Our CA issues SVIDs,
// which have none, and is therefore not used here.
const ServerName = "server.peers.test"

// Issue makes the certificates of a pair: a root, an intermediate, and a chain for either end, all on ECDSA P-256, which
// is what our CA gives a workload, too. It returns two sides that name the files.
func Issue(dir string) (client, server Side, err error) {
	root, err := newSigner(nil, "peers root", 1)
	if err != nil {
		return client, server, err
	}
	intermediate, err := newSigner(root, "peers intermediate", 0)
	if err != nil {
		return client, server, err
	}
	roots := filepath.Join(dir, "ca.pem")
	if err := writePEM(roots, 0o644, "CERTIFICATE", root.cert.Raw); err != nil {
		return client, server, err
	}
	if client, err = intermediate.side(dir, "client", roots); err != nil {
		return client, server, err
	}
	server, err = intermediate.side(dir, "server", roots)
	return client, server, err
}

// signer is a certificate that signs others, and its key.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

const life = 24 * time.Hour

func newSigner(parent *signer, name string, below int) (*signer, error) {
	return parent.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, MaxPathLen: below, MaxPathLenZero: below == 0,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
}

// sign makes a key and a certificate for it; without a parent it is self-signed.
func (s *signer) sign(c *x509.Certificate) (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(life)
	parent, by := c, key
	if s != nil {
		parent, by = s.cert, s.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return &signer{cert, key}, err
}

// side writes chain and key of one end.
func (s *signer) side(dir, name, roots string) (Side, error) {
	leaf, err := s.sign(&x509.Certificate{
		URIs:        []*url.URL{{Scheme: "spiffe", Host: "peers.test", Path: "/ns/peers/sa/" + name}},
		DNSNames:    []string{name + ".peers.test"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return Side{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	if err != nil {
		return Side{}, fmt.Errorf("issue: %w", err)
	}
	side := Side{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"), CA: roots}
	if err := writePEM(side.Cert, 0o644, "CERTIFICATE", leaf.cert.Raw, s.cert.Raw); err != nil {
		return Side{}, err
	}
	return side, writePEM(side.Key, 0o600, "PRIVATE KEY", key)
}

func writePEM(file string, mode os.FileMode, kind string, blocks ...[]byte) error {
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})...)
	}
	if err := os.WriteFile(file, text, mode); err != nil {
		return fmt.Errorf("issue: %w", err)
	}
	return nil
}
