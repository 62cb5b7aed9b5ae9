package xnet

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// Files are PEM: the own chain and key, and whom to trust.
type Files struct{ Cert, Key, CA string }

// What is set beyond the library's defaults.
const (
	frameSize    = 1 << 20
	streamWindow = 4 << 20
	connWindow   = 256 << 20
	portion      = 64 << 10 // of a copy, and of a read under TLS
	mostStreams  = 1 << 20
)

// VerifyClients is what a server asks of its clients.
const VerifyClients = tls.RequireAndVerifyClientCert

// Config is TLS 1.3 with the files, for a protocol, and whom to trust.
func (f Files) Config(protocol string) (*tls.Config, *x509.CertPool, error) {
	own, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("peer: %w", err)
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("peer: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, nil, fmt.Errorf("peer: %s holds no certificate", f.CA)
	}
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		NextProtos:       []string{protocol},
		Certificates:     []tls.Certificate{own},
		CurvePreferences: []tls.CurveID{tls.X25519},
		// Short records at first are for browsers, which show a page while it comes.
		DynamicRecordSizingDisabled: true,
	}, roots, nil
}

// buffered reads more than a record at once.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

func newBuffered(c net.Conn) net.Conn { return buffered{c, bufio.NewReaderSize(c, portion)} }
