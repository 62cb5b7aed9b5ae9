package h3

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is how long a test waits for what must happen; it only passes in a hang.
const hang = 30 * time.Second

// serverTLS has a certificate that nobody checks: who may speak is not this package's matter.
func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{NextProto}}
}

var clientTLS = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{NextProto}} // see serverTLS

// socket is a UDP socket on loopback with its quic.Transport.
func socket(t testing.TB) *quic.Transport {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	q := &quic.Transport{Conn: pc}
	t.Cleanup(func() { q.Close(); pc.Close() })
	return q
}

// loopback returns the two ends of a QUIC connection, and the socket of the client.
func loopback(t testing.TB, o Options) (client, server *quic.Conn, from *quic.Transport) {
	t.Helper()
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, hang)
	at, from := socket(t), socket(t)
	l, err := at.Listen(serverTLS(t), New(o).Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	accepted := make(chan *quic.Conn, 1)
	go func() {
		c, err := l.Accept(ctx)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	client, err = from.Dial(ctx, l.Addr(), clientTLS, New(o).Config())
	if err != nil {
		t.Fatal(err)
	}
	return client, <-accepted, from
}

// served is a running Serve.
type served struct {
	drain context.CancelFunc
	err   chan error // holds what Serve returned
}

func (s *served) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-s.err:
		s.err <- err
		return err
	case <-time.After(hang):
		t.Fatal("Serve did not return")
		return nil
	}
}

func serve(o Options, q *quic.Conn, h tunnel.Handler) *served {
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{drain: cancel, err: make(chan error, 1)}
	go func() { s.err <- New(o).Serve(ctx, q, h) }()
	return s
}

// pair returns a tunnel to a server that runs h for each stream. Both are gone when the
// test ends.
func pair(t testing.TB, o Options, h tunnel.Handler) (tn tunnel.Tunnel, s *served, from *quic.Transport) {
	t.Helper()
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, hang)
	cq, sq, from := loopback(t, o)
	s = serve(o, sq, h)
	o.Account = nil // it is the accepting end's
	tn, err := New(o).Client(context.Background(), cq)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tn.Close()
		_ = sq.CloseWithError(codeNo, "")
		s.wait(t)
		s.drain()
	})
	return tn, s, from
}

// TestContract: what package tunnel promises of every transport.
// Conformance 49: many streams share a tunnel.
// Conformance 97: when the accepting end leaves, open streams end by themselves.
func TestContract(t *testing.T) {
	contract.Test(t, func(t *testing.T, h tunnel.Handler, g contract.Given) (tunnel.Tunnel, func(), func()) {
		tn, s, from := pair(t, Options{OnPanic: g.OnPanic, Account: g.Account}, h)
		return tn, s.drain, func() { from.Close() }
	})
}
