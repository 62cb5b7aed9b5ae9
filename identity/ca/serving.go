package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
)

// Serving is the configuration of a TLS server that the CA vouches for under a host name or IP address: that of the CA's own
// service, since who asks for a first SVID has none to show. Its certificate is renewed at half life.
func (c *CA) Serving(host string) *tls.Config {
	s := &serving{ca: c, host: host}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"h2"},
		SessionTicketsDisabled: true,
		Time:                   c.o.Now,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate() },
	}
}

type serving struct {
	ca   *CA
	host string

	mu      sync.Mutex // guards current
	current *tls.Certificate
}

func (s *serving) certificate() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.ca.fresh(s.current.Leaf) && s.ca.signs(s.current.Certificate[1]) {
		return s.current, nil
	}
	fresh, err := s.ca.servingCertificate(s.host)
	if err != nil {
		return nil, fmt.Errorf("ca: certificate of %s: %w", s.host, err)
	}
	s.current = fresh
	return fresh, nil
}

func (c *CA) servingCertificate(host string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	issuer, _, err := c.issuing()
	if err != nil {
		return nil, err
	}
	now := c.o.Now()
	template := &x509.Certificate{
		NotBefore:             now.Add(-backdate(defaultMaxTTL)),
		NotAfter:              earlier(now.Add(defaultMaxTTL), issuer.cert.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, issuer.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}
