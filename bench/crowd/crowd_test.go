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
	var tally Tally
	running.Go(func() {
		if err := (Client{To: to, Connections: 50, Manner: Mixed}).Run(ctx, &tally); err != nil {
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
	here := netip.MustParseAddrPort("127.0.0.1:1")
	for _, c := range []interface {
		Run(context.Context, *Tally) error
	}{
		Client{Manner: Slow}, Client{To: netip.MustParseAddrPort("127.0.0.1:0"), Connections: 1, Manner: Slow}, Client{To: here, Manner: Slow},
		Client{To: here, Connections: 1e6, Manner: Slow}, Client{To: here, Connections: 1}, Client{To: here, Connections: 1, Manner: "rude"},
		Storm{}, Storm{To: here}, Storm{To: here, PerSecond: 1e6}, Greeter{PerSecond: 1}, Greeter{To: here},
	} {
		var tally Tally
		if err := c.Run(t.Context(), &tally); err == nil {
			t.Errorf("%+v ran", c)
		}
	}
}

// together runs both until the returned function is called.
func together(t *testing.T, all ...func(context.Context) error) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range all {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A connection gets what it is owed and not a byte more; who reads slowly does not.
func TestTheSinkPours(t *testing.T) {
	l, to := listen(t)
	const each = 100 << 10
	end := together(t, func(ctx context.Context) error { return Sink{Each: each}.Run(ctx, l) })
	defer end()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := io.CopyN(io.Discard, c, each); err != nil {
		t.Errorf("%d bytes: %v", n, err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, _ := c.Read(make([]byte, 1)); n != 0 {
		t.Error("more than was owed")
	}
}

// Bulk has no end; a paced connection is sent no more than its pace.
func TestTheSinkKeepsAPace(t *testing.T) {
	l, to := listen(t)
	var tally Tally
	const pace = 1 << 20
	began := time.Now()
	end := together(t,
		func(ctx context.Context) error { return Sink{Pace: pace}.Run(ctx, l) },
		func(ctx context.Context) error {
			return Client{To: to, Connections: 2, Manner: Eager}.Run(ctx, &tally)
		})
	eventually(t, "half a megabyte", func() bool { return tally.Bytes.Load() > 512<<10 })
	got, most := tally.Bytes.Load(), 2*(int64(time.Since(began).Seconds()*pace)+pace/10)
	end()
	if got > most {
		t.Errorf("%d bytes after %v, want %d at most", got, time.Since(began), most)
	}
}

// A storm's connections end when the first byte has come, and others follow.
func TestTheStorm(t *testing.T) {
	l, to := listen(t)
	var tally Tally
	end := together(t,
		func(ctx context.Context) error { return Sink{Each: 1}.Run(ctx, l) },
		func(ctx context.Context) error { return Storm{To: to, PerSecond: 1000}.Run(ctx, &tally) })
	eventually(t, "so many connections", func() bool { return tally.Made.Load() > 50 })
	end()
}

// The victim's listener gets whole handshakes from a greeter.
func TestTheGreeter(t *testing.T) {
	victim, to := listen(t)
	var tally Tally
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, ClientAuth: tls.RequireAnyClientCert}
	end := together(t,
		func(ctx context.Context) error { return Greeter{To: to, PerSecond: 500}.Run(ctx, &tally) },
		func(ctx context.Context) error { return shake(ctx, victim, config) })
	eventually(t, "handshakes", func() bool { return tally.Made.Load() > 5 })
	end()
}

func shake(ctx context.Context, l net.Listener, config *tls.Config) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if err != nil {
			return nil
		}
		_ = tls.Server(c, config).HandshakeContext(ctx)
		c.Close()
	}
}

// Of those that stop half-way one sends the first half of a ClientHello, and the other
// nothing; both stay.
func TestHalfOpen(t *testing.T) {
	l, to := listen(t)
	defer l.Close()
	var tally Tally
	end := together(t, func(ctx context.Context) error {
		return Client{To: to, Connections: 2, Manner: Half}.Run(ctx, &tally)
	})
	defer end()
	sent := make([]int, 2)
	for i := range sent {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b := make([]byte, 4<<10)
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		for {
			n, err := c.Read(b[sent[i]:])
			sent[i] += n
			if err == io.EOF {
				t.Error("it went away")
			}
			if err != nil {
				break
			}
		}
		if n := sent[i]; n > 0 && (b[0] != 22 || n != len(clientHello())/2) {
			t.Errorf("%d bytes of type %d, want half of a handshake's %d", n, b[0], len(clientHello()))
		}
	}
	if (sent[0] == 0) == (sent[1] == 0) {
		t.Errorf("sent %v bytes, want half a hello from one of two", sent)
	}
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
