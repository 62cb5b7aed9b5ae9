package proxy

import "crypto/tls"

// guarded makes errors of what panics in the callbacks of a configuration, by tell: a handshake over QUIC calls them in a goroutine of
// crypto/tls, where a panic would end the process and all that it serves. Over TCP they are called by the goroutine of the tunnel, which recovers.
func guarded(c *tls.Config, tell func(v any) error) *tls.Config {
	recovering := func(err *error) {
		if v := recover(); v != nil {
			*err = tell(v)
		}
	}
	verify := c.VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) (err error) {
		defer recovering(&err)
		return verify(s)
	}
	if own := c.GetCertificate; own != nil {
		c.GetCertificate = func(h *tls.ClientHelloInfo) (cert *tls.Certificate, err error) {
			defer recovering(&err)
			return own(h)
		}
	}
	if own := c.GetClientCertificate; own != nil {
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (cert *tls.Certificate, err error) {
			defer recovering(&err)
			return own(r)
		}
	}
	return c
}
