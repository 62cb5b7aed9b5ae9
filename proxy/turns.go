package proxy

import (
	"context"
	"crypto"
	"crypto/tls"
	"io"
)

// inTurns has what a handshake computes with keys computed in the workload's turns: QUIC does handshakes by
// itself, and reads in between that could be turned around, as over TCP, are not to be seen. Its key exchange has no hook and
// takes no turn.
func (w *Workload) inTurns(ctx context.Context, c *tls.Config) *tls.Config {
	if w.Account == nil {
		return c
	}
	compute := func(f func() error) error { return w.Account.Compute(ctx, f) }
	verify := c.VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) error { return compute(func() error { return verify(s) }) }
	if own := c.GetCertificate; own != nil {
		c.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return signing(compute)(own(h)) }
	}
	if own := c.GetClientCertificate; own != nil {
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) { return signing(compute)(own(r)) }
	}
	return c
}

// signing is a certificate whose key signs by way of compute.
func signing(compute func(func() error) error) func(*tls.Certificate, error) (*tls.Certificate, error) {
	return func(c *tls.Certificate, err error) (*tls.Certificate, error) {
		if err != nil {
			return nil, err
		}
		key, ok := c.PrivateKey.(crypto.Signer)
		if !ok {
			return c, nil
		}
		turning := *c
		turning.PrivateKey = signer{key, compute}
		return &turning, nil
	}
}

type signer struct {
	crypto.Signer
	compute func(func() error) error
}

func (s signer) Sign(rand io.Reader, digest []byte, o crypto.SignerOpts) (sig []byte, err error) {
	err = s.compute(func() error {
		sig, err = s.Signer.Sign(rand, digest, o)
		return err
	})
	return sig, err
}
