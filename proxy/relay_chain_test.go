package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cork"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// relayHang is how long a relay test waits for what must happen; it only passes
// in a hang.
const relayHang = 60 * time.Second

// path is what the tests relay over: an application dials one end and another
// one accepts at the other.
//
//	direct: app ── TCP ── Relay ── TCP ── app
//	http2:  app ── TCP ── Relay ── h2 stream in TLS ── Relay ── TCP ── app
//	quic:   app ── TCP ── Relay ── h3 stream ── Relay ── TCP ── app
type path struct {
	t          testing.TB
	entry      *net.TCPListener
	server     *net.TCPListener // of the accepting application
	pool       *tunnel.Pool     // nil when direct
	inbound    *net.TCPListener // over HTTP/2
	near, far  *datagrams       // over QUIC: where tunnels are dialled from, and accepted
	cutTunnels context.CancelFunc
	ctx        context.Context // of all relays
	cut        context.CancelFunc
	all        sync.WaitGroup

	made int // by ends

	mu      sync.Mutex
	errs    []error // what the relays at the entry returned
	counts  []*Bytes
	tunnels []net.Conn // of the accepting end
}

// eachPath runs a test over all three.
func eachPath(t *testing.T, f func(t *testing.T, p *path)) {
	t.Run("direct", func(t *testing.T) { f(t, newPath(t, "direct")) })
	eachTunnel(t, f)
}

// eachTunnel runs a test over both transports.
func eachTunnel(t *testing.T, f func(t *testing.T, p *path)) {
	for _, over := range []string{"http2", "quic"} {
		t.Run(over, func(t *testing.T) { f(t, newPath(t, over)) })
	}
}

// newPath makes a path that leaves neither descriptor nor goroutine behind, or
// fails its test; goroutines are counted by TestMain.
func newPath(t testing.TB, over string) *path {
	before := descriptors(t)
	p := &path{t: t, entry: listenLoopback(t), server: listenLoopback(t)}
	p.ctx, p.cut = context.WithCancel(context.Background())
	switch over {
	case "http2":
		p.inbound = listenLoopback(t)
		p.all.Go(p.serveInbound)
		p.pool = tunnel.NewPool(p.dialTunnel, tunnel.PoolOptions{})
	case "quic":
		p.near, p.far = loopbackDatagrams(t), loopbackDatagrams(t)
		var cut context.Context
		cut, p.cutTunnels = context.WithCancel(context.Background())
		p.all.Go(func() { p.serveDatagrams(cut) })
		p.pool = tunnel.NewPool(p.dialDatagrams, tunnel.PoolOptions{})
	}
	p.all.Go(p.serveEntry)
	t.Cleanup(func() {
		p.close()
		await(t, "descriptors to be closed", func() bool { return descriptors(t) <= before })
	})
	return p
}

func (p *path) close() {
	p.cut()
	p.entry.Close()
	if p.pool != nil {
		p.pool.Close()
	}
	if p.inbound != nil {
		p.inbound.Close()
	}
	if p.far != nil {
		p.cutTunnels()
	}
	p.all.Wait()
	if p.far != nil {
		p.near.close()
		p.far.close()
	}
	p.server.Close()
}

// serveEntry is the outbound side.
func (p *path) serveEntry() {
	for {
		c, err := p.entry.AcceptTCP()
		if err != nil {
			return
		}
		p.all.Go(func() { p.relayOut(c) })
	}
}

func (p *path) relayOut(c *net.TCPConn) {
	next, err := p.next()
	if err != nil {
		p.t.Errorf("next hop: %v", err)
		c.Close()
		return
	}
	n := new(Bytes)
	p.mu.Lock()
	p.counts = append(p.counts, n)
	p.mu.Unlock()
	err = Relay(p.ctx, TCPLeg(c), next, n)
	p.mu.Lock()
	p.errs = append(p.errs, err)
	p.mu.Unlock()
}

func (p *path) next() (Leg, error) {
	if p.pool == nil {
		return p.dialServer()
	}
	dst := p.server.Addr().(*net.TCPAddr).AddrPort()
	s, _, err := p.pool.Open(p.ctx, p.key(), hbone.Connect(hbone.FromAddrPort(dst), hbone.Header{}))
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p *path) key() tunnel.Key {
	if p.far != nil {
		return tunnel.Key{Address: p.far.LocalAddr().(*net.UDPAddr).AddrPort()}
	}
	return tunnel.Key{Address: p.inbound.Addr().(*net.TCPAddr).AddrPort()}
}

func (p *path) dialServer() (Leg, error) {
	c, err := net.DialTCP("tcp4", nil, p.server.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, err
	}
	return TCPLeg(c), nil
}

func (p *path) dialTunnel(ctx context.Context, k tunnel.Key) (tunnel.Tunnel, time.Time, error) {
	c, err := net.Dial("tcp4", k.Address.String())
	if err != nil {
		return nil, time.Time{}, err
	}
	t := tls.Client(cork.New(c, c.(*net.TCPConn)), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true})
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, time.Time{}, err
	}
	made, err := h2.New(h2.Options{}).Client(ctx, t)
	return made, time.Time{}, err
}

func (p *path) serveInbound() {
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(p.t)}, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true}
	for {
		c, err := p.inbound.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.tunnels = append(p.tunnels, c)
		p.mu.Unlock()
		p.all.Go(func() {
			t := tls.Server(cork.New(c, c.(*net.TCPConn)), config)
			if t.Handshake() != nil {
				t.Close()
				return
			}
			_ = h2.New(h2.Options{}).Serve(p.ctx, t, p.relayIn)
		})
	}
}

// datagrams is one end's UDP socket.
type datagrams struct {
	*net.UDPConn
	*h3.Endpoint
}

func loopbackDatagrams(t testing.TB) *datagrams {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	silent := time.Hour // a thousand streams of both ends in one process: one end may have to wait for its turn
	return &datagrams{pc, h3.New(h3.Options{SilenceTimeout: silent}).On(pc, h3.Socket{})}
}

func (d *datagrams) close() {
	d.Endpoint.Close()
	d.UDPConn.Close()
}

func (p *path) dialDatagrams(ctx context.Context, k tunnel.Key) (tunnel.Tunnel, time.Time, error) {
	made, _, err := p.near.Dial(ctx, k.Address, &tls.Config{InsecureSkipVerify: true})
	return made, time.Time{}, err
}

func (p *path) serveDatagrams(cut context.Context) {
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(p.t)}}
	begin := func(context.Context, netip.AddrPort, netip.AddrPort) error { return nil }
	err := p.far.Serve(p.ctx, p.ctx, cut, config, begin, func(tunnel.Accepted) (tunnel.Served, error) {
		return tunnel.Served{Handler: p.relayIn, Ended: func(error) {}}, nil
	})
	if err != nil {
		p.t.Errorf("serve: %v", err)
	}
}

// crash takes the tunnels away. Over HTTP/2 it is what a SIGKILL of the accepting proxy does to them, while its
// listening socket stays open; over QUIC, where that would make no packet at all, they are cut.
func (p *path) crash() {
	if p.far != nil {
		p.cutTunnels()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.tunnels {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	p.tunnels = nil
}

func (p *path) relayIn(in tunnel.Incoming) {
	app, err := p.dialServer()
	if err != nil {
		_ = in.Reject(hbone.StatusUnavailable)
		return
	}
	s, err := in.Accept(hbone.Header{})
	if err != nil {
		app.Close()
		return
	}
	_ = Relay(p.ctx, s, app, nil)
}

// ends returns the two ends of a new connection through the path.
func (p *path) ends() (client, server *net.TCPConn) {
	p.t.Helper()
	client = p.dial()
	p.server.SetDeadline(time.Now().Add(relayHang))
	server, err := p.server.AcceptTCP()
	if err != nil {
		p.t.Fatal(err)
	}
	guard(p.t, server)
	// The relay must be there, or a reset is an answer to somebody who still connects.
	p.made++
	await(p.t, "the relay", func() bool { return p.relays() >= p.made })
	return client, server
}

func (p *path) relays() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.counts)
}

func (p *path) dial() *net.TCPConn {
	p.t.Helper()
	c, err := net.DialTCP("tcp4", nil, p.entry.Addr().(*net.TCPAddr))
	if err != nil {
		p.t.Fatal(err)
	}
	guard(p.t, c)
	return c
}

// guard keeps a test from hanging on c, and closes it in the end.
func guard(t testing.TB, c *net.TCPConn) {
	c.SetDeadline(time.Now().Add(relayHang))
	t.Cleanup(func() { c.Close() })
}

func listenLoopback(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: netip.MustParseAddr("127.0.0.1").AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func descriptors(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// await polls for a condition that other goroutines bring about.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(relayHang); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("hang: waiting for %s", what)
		}
	}
}

var selfSigned = func() func(testing.TB) tls.Certificate {
	make := sync.OnceValues(makeCertificate)
	return func(t testing.TB) tls.Certificate {
		c, err := make()
		if err != nil {
			t.Error(err)
		}
		return c
	}
}()

func makeCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "relay test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// TLS 1.3 tells a client that its certificate was refused only after the
// handshake: it must come up in the dial, not in the first stream.
func TestRefusedCertificateFailsTheDial(t *testing.T) {
	l := listenLoopback(t)
	defer l.Close()
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, NextProtos: []string{"h2"}, ClientAuth: tls.RequireAnyClientCert}
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = h2.New(h2.Options{}).Serve(context.Background(), tls.Server(c, config), func(tunnel.Incoming) {})
		}
		served <- err
	}()
	p := &path{}
	_, _, err := p.dialTunnel(context.Background(), tunnel.Key{Address: l.Addr().(*net.TCPAddr).AddrPort()})
	var alert tls.AlertError
	var remote *net.OpError
	if !errors.As(err, &alert) && !errors.As(err, &remote) {
		t.Errorf("the dial ended with %v", err)
	}
	if err := <-served; err == nil {
		t.Error("the server accepted it")
	}
}

// A peer that crashes and comes back: its old tunnels are dead, and the next
// connections must not notice.
func TestRecoveryAfterAPeerCrash(t *testing.T) {
	p := newPath(t, "http2") // over QUIC: see TestThePeerDied of package h3
	for range 20 {
		client, server := p.ends()
		say(t, client, "x")
		hearSome(t, server, "x")
		p.crash() // from here on the pool may or may not have seen it
		var apps sync.WaitGroup
		for range 3 { // at once, into tunnels dead already, dying, or not known to be
			c := p.dial()
			apps.Go(func() { hearSome(t, c, "served") })
		}
		for range 3 {
			c, err := p.server.AcceptTCP()
			if err != nil {
				t.Fatal(err)
			}
			guard(t, c)
			say(t, c, "served")
		}
		apps.Wait()
		wantConnReset(t, client)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, err := range p.errs {
		if err == nil {
			t.Error("a relay over a crashed peer ended in order")
		}
	}
	t.Logf("%+v", p.pool.Stats())
}
