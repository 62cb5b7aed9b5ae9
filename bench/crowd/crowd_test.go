package crowd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) (net.Listener, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

// All connections are open at a time, and those that end are opened anew.
func TestTheCrowdComesAndComesBack(t *testing.T) {
	l, to := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := (Client{To: to, Connections: 50}).Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var open []net.Conn
	for range 50 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open[:10] {
		c.Close()
	}
	for range 10 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	cancel()
	running.Wait()
	for _, c := range open[10:] {
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("a connection that is left open: %v", err)
		}
		c.Close()
	}
	l.Close()
}

func TestNobodyToVisit(t *testing.T) {
	for _, c := range []Client{{}, {To: netip.MustParseAddrPort("127.0.0.1:0"), Connections: 1}, {To: netip.MustParseAddrPort("127.0.0.1:1")}, {To: netip.MustParseAddrPort("127.0.0.1:1"), Connections: 1e6}} {
		if err := c.Run(t.Context()); err == nil {
			t.Errorf("%+v ran", c)
		}
	}
}

// A connection gets its quarter of a megabyte, and the victim's listener handshakes.
func TestTheSinkPoursAndGreets(t *testing.T) {
	l, to := listen(t)
	victim, flooded := listen(t)
	var hellos atomic.Int64
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, ClientAuth: tls.RequireAnyClientCert}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := victim.Accept()
			if err != nil {
				return
			}
			_ = tls.Server(c, config).HandshakeContext(t.Context())
			hellos.Add(1)
			c.Close()
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	serving.Go(func() {
		if err := (Sink{Flood: flooded}).Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, c, toEach); err != nil {
		t.Errorf("%d bytes: %v", n, err)
	}
	for deadline := time.Now().Add(30 * time.Second); hellos.Load() < 5 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if hellos.Load() < 5 {
		t.Error("no handshakes come")
	}
	cancel()
	c.Close()
	victim.Close()
	serving.Wait()
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
