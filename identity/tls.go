package identity

import (
	"crypto/tls"
	"errors"
	"slices"
	"time"
)

// ServerTLS returns the configuration of the accepting end of a tunnel: TLS 1.3, ALPN h2, client certificate required,
// and the checks of the package documentation.
func ServerTLS(src Source) *tls.Config {
	v := &verifier{side: Server, src: src, now: clockOf(src)}
	c := v.config()
	// RequireAnyClientCert, not RequireAndVerifyClientCert: the latter verifies against ClientCAs, which are fixed in
	// the configuration, and only in full handshakes. A client without a certificate is refused by crypto/tls itself,
	// with the alert certificate_required.
	c.ClientAuth = tls.RequireAnyClientCert
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own(src) }
	return c
}

// ClientTLS returns the configuration of the dialling end: TLS 1.3, ALPN h2, own certificate always presented, and a
// server of which one URI SAN is in accept; with an empty accept every server is refused. No SNI is sent: give the
// configuration to tls.Client, since tls.Dial would fill in the address as the server's name.
func ClientTLS(src Source, accept []ID) *tls.Config {
	v := &verifier{side: Client, src: src, now: clockOf(src), accept: slices.Clone(accept)}
	c := v.config()
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own(src) }
	// This turns off the check of host names, which SVIDs do not have; VerifyConnection does the verifying.
	c.InsecureSkipVerify = true
	return c
}

func (v *verifier) config() *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2"},
		// Resumption saves little where tunnels are pooled, and a ticket outlives the reason it was given for.
		SessionTicketsDisabled: true,
		// Or else the first megabyte after every pause of a second goes in records of 1.2 KB, each sealed and
		// opened alone, for browsers that draw a page while it comes.
		DynamicRecordSizingDisabled: true,
		Time:                        v.now,
		VerifyConnection:            v.connection,
	}
	X25519.Set(c)
	return c
}

func own(src Source) (*tls.Certificate, error) {
	svid, err := src.SVID()
	if err != nil {
		return nil, err
	}
	return svid.Certificate, nil
}

// Until returns when the SVID of either end of an established connection expires, whichever is first. src is the one that
// the connection was made with.
func Until(src Source, cs tls.ConnectionState) time.Time {
	var until time.Time
	if len(cs.PeerCertificates) > 0 {
		_, until = span(cs.PeerCertificates)
	}
	if own, err := src.SVID(); err == nil && (until.IsZero() || own.NotAfter.Before(until)) {
		until = own.NotAfter
	}
	return until
}

// PeerID returns the identity of the peer of an established connection: the first URI SAN of its leaf that is one.
func PeerID(cs tls.ConnectionState) (ID, error) {
	if len(cs.PeerCertificates) == 0 {
		return ID{}, errors.New("identity: the peer showed no certificate")
	}
	ids := leafIDs(cs.PeerCertificates[0])
	if len(ids) == 0 {
		return ID{}, errors.New("identity: the peer's certificate names no identity")
	}
	return ids[0], nil
}
