package bearer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// unixScheme begins an address that is a socket's path.
const unixScheme = "unix://"

// Target is a control and how to speak to it.
type Target struct {
	Address string // unix:///path, or host:port
	Roots   string // PEM file of what the server's certificate must lead to; for host:port, and only there
	Token   string // file of the bearer token
}

// Check says what is wrong with a target, in the words of a configuration file.
func (t Target) Check() error {
	path, local := t.socket()
	switch {
	case t.Address == "":
		return errors.New("address is missing")
	case t.Token == "":
		return errors.New("token is missing: the file of the bearer token")
	case local && path == "":
		return errors.New("address: unix:// has no path behind it")
	case local && t.Roots != "":
		return errors.New("roots are for host:port; a unix socket is trusted by its path")
	case local:
		return nil
	case t.Roots == "":
		return errors.New("roots is missing: the PEM file that the server's certificate is held to")
	}
	if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return fmt.Errorf("address: want unix:///path or host:port: %w", err)
	}
	return nil
}

// socket is the path of a target on this machine.
func (t Target) socket() (path string, local bool) { return strings.CutPrefix(t.Address, unixScheme) }

// network and address are what to dial.
func (t Target) network() (network, address string) {
	if path, local := t.socket(); local {
		return "unix", path
	}
	return "tcp", t.Address
}

// security is TLS for host:port. The roots are read at each connection: they rotate.
func (t Target) security() credentials.TransportCredentials {
	if _, local := t.socket(); local {
		return insecure.NewCredentials()
	}
	host, _, _ := net.SplitHostPort(t.Address) // Check has split it
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		// RootCAs are fixed in a configuration, and a control outlives its root: VerifyConnection asks the file.
		InsecureSkipVerify: true,
		VerifyConnection:   func(cs tls.ConnectionState) error { return t.verify(host, cs) },
	})
}

func (t Target) verify(host string, cs tls.ConnectionState) error {
	text, err := os.ReadFile(t.Roots)
	if err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return fmt.Errorf("roots: %s has no certificate", t.Roots)
	}
	for _, c := range cs.PeerCertificates[1:] {
		others.AddCert(c)
	}
	_, err = cs.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: others})
	return err
}
