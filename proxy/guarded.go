package proxy

import "crypto/tls"

// guarded makes errors of what panics in the callbacks of a configuration, and in the keys that they return, by tell: a handshake over QUIC
// calls them in a goroutine of crypto/tls, where a panic would end the process and all that it serves. Over TCP they are called by the goroutine
// of the tunnel, or of the pool's dial, which recover.
func guarded(c *tls.Config, tell func(v any) error) *tls.Config {
	recovering := func(err *error) {
		if v := recover(); v != nil {
			*err = tell(v)
		}
	}
	sign := signing(func(f func() error) (err error) {
		defer recovering(&err)
		return f()
	})
	verify := c.VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) (err error) {
		defer recovering(&err)
		return verify(s)
	}
	if own := c.GetCertificate; own != nil {
		c.GetCertificate = func(h *tls.ClientHelloInfo) (cert *tls.Certificate, err error) {
			defer recovering(&err)
			return sign(own(h))
		}
	}
	if own := c.GetClientCertificate; own != nil {
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (cert *tls.Certificate, err error) {
			defer recovering(&err)
			return sign(own(r))
		}
	}
	return c
}
