package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
)

// TestNoStrangerGetsThrough: each end refuses one that another CA has vouched for, and a server one that shows nothing.
// The control is TestBytesBothWays: with one CA the same two get on.
func TestNoStrangerGetsThrough(t *testing.T) {
	greet := func(c *net.TCPConn) { _, _ = io.WriteString(c, "hello") }
	eachPair(t, secured, func(t *testing.T, p Peer) {
		ours, theirs := t.TempDir(), t.TempDir()
		client, server, err := Issue(ours)
		if err != nil {
			t.Fatal(err)
		}
		strangeClient, strangeServer, err := Issue(theirs)
		if err != nil {
			t.Fatal(err)
		}
		strangeClient.CA, strangeServer.CA = client.CA, server.CA // they trust us; do we trust them?
		for name, sides := range map[string][2]Side{"client": {strangeClient, server}, "server": {client, strangeServer}} {
			t.Run("a strange "+name, func(t *testing.T) {
				c := dial(t, pairOf(t, p, sides[0], sides[1], application(t, greet), straight))
				defer c.Close()
				if n, err := c.Read(make([]byte, 8)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%d bytes, %v", n, err)
				}
			})
		}
		t.Run("a client without a certificate", func(t *testing.T) {
			if n, err := greeting(t, p, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}); n > 0 || err == nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	})
}

// greeting is what a client of ours gets from the server's end of a pair.
func greeting(t *testing.T, p Peer, config *tls.Config) (int, error) {
	_, server, err := Issue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server.Bulkhead, server.Listen = bulkhead, free(t)
	server.Next = application(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, "hello") })
	command, err := p.Server(t.TempDir(), server)
	if err != nil {
		t.Fatal(err)
	}
	start(t, command)
	c := tls.Client(dial(t, server.Listen), config)
	defer c.Close()
	if err := c.HandshakeContext(t.Context()); err != nil {
		return 0, err
	}
	for _, cert := range c.ConnectionState().PeerCertificates {
		if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("a key of another kind: %T", cert.PublicKey)
		}
	}
	if n := len(c.ConnectionState().PeerCertificates); n != 2 {
		t.Errorf("a chain of %d certificates, want leaf and intermediate", n)
	}
	return c.Read(make([]byte, 8))
}
