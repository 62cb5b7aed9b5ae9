package proxy_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

const patience = 30 * time.Second // only a hang reaches it

// two are two pods, each in its own namespace with capture and a data path:
//
//	A a/client ── wire ── B a/server
type two struct {
	*sandbox.Pair
	authority      *ca.CA
	caDir          string
	snapshot       *mesh.Snapshot
	client, server *pod
	// Of pods that are still to be started.
	tunnels  tunnel.Config
	drain    time.Duration
	impostor identity.ID // they have this identity and not their own
	quic     bool        // they have it beside TCP
	h3       h3.Options  // of that
	mined    func(identity.Source) identity.Source
	met      bool // see meet
}

// pod is one workload with its data path in this process.
type pod struct {
	ns       *netns.Namespace
	workload mesh.Workload
	work     *proxy.Workload
	lines    *lockedBuffer // access lines
	source   identity.Source
	sink     *telemetry.Sink
	stop     func() // ends the data path and waits for it
	udp      func() // closes its UDP socket
}

// lockedBuffer collects log lines of many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newTwo captures both pods; policies are those of the mesh file.
func newTwo(t testing.TB, policies ...mesh.Policy) *two {
	t.Helper()
	return newTwoWith(t, func(*two) {}, policies...)
}

// newTwoWith is newTwo; with changes what the pods are started with.
func newTwoWith(t testing.TB, with func(*two), policies ...mesh.Policy) *two {
	t.Helper()
	p := sandbox.NewPair(t)
	w := newWorld(t, p, mesh.File{
		TrustDomain: "cluster.local",
		Workloads: []mesh.Workload{
			{UID: "a/client", Name: "client", Namespace: "a", ServiceAccount: "client", Addresses: []netip.Addr{p.A4, p.A6}, Protocol: mesh.HBONE},
			{UID: "a/server", Name: "server", Namespace: "a", ServiceAccount: "server", Addresses: []netip.Addr{p.B4, p.B6}, Protocol: mesh.HBONE},
		},
		Services: []mesh.Service{{
			Name: "server", Namespace: "a", Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.1")},
			Ports: []mesh.Port{{Port: 80, Target: 8080}}, Endpoints: []string{"a/server"},
		}},
		Policies: policies,
	})
	with(w)
	w.client = w.start(t, "a/client", p.A)
	w.server = w.start(t, "a/server", p.B)
	return w
}

// newWorld is a mesh whose pods are still to be started.
func newWorld(t testing.TB, p *sandbox.Pair, file mesh.File) *two {
	t.Helper()
	w := &two{Pair: p, caDir: t.TempDir(), drain: time.Second}
	founded := ca.Options{TrustDomain: "cluster.local", Now: func() time.Time { return time.Now().Add(-3 * time.Hour) }}
	old, err := ca.New(founded) // three hours ago, so that it can have signed what has expired
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Save(w.caDir); err != nil {
		t.Fatal(err)
	}
	if w.authority, err = ca.Load(w.caDir, ca.Options{TrustDomain: "cluster.local"}); err != nil {
		t.Fatal(err)
	}
	if w.snapshot, err = mesh.New(file, 1); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *two) start(t testing.TB, uid string, ns *netns.Namespace) *pod {
	t.Helper()
	return w.startOn(t, uid, ns, nil)
}

// startOn is start with a budget.
func (w *two) startOn(t testing.TB, uid string, ns *netns.Namespace, a *budget.Account) *pod {
	t.Helper()
	p, l := w.prepare(t, uid, ns, a)
	p.run(t, context.Background(), l)
	return p
}

// prepare captures a pod that is still to be run.
func (w *two) prepare(t testing.TB, uid string, ns *netns.Namespace, a *budget.Account) (*pod, proxy.Listeners) {
	t.Helper()
	workload, ok := w.snapshot.Workload(uid)
	if !ok {
		t.Fatalf("no workload %s", uid)
	}
	p := &pod{ns: ns, workload: workload, lines: &lockedBuffer{}}
	var datagrams proxy.Datagrams
	datagrams, p.udp = w.datagrams(t, ns, a)
	p.source = w.issue(t, cmp.Or(w.impostor, workload.Identity))
	if w.mined != nil {
		p.source = w.mined(p.source)
	}
	p.sink = telemetry.NewSink(slog.NewTextHandler(p.lines, nil))
	p.work = proxy.New(proxy.Config{
		Datagrams: datagrams,
		Workload:  workload, View: proxy.View{Policies: w.snapshot.Policies(workload), Services: w.snapshot.Services(uid)},
		Ports: redirect.NodePorts, Netns: ns, Source: p.source, Resolver: resolver{w.snapshot, uid}, Transport: h2.New(h2.Options{Account: a}), Account: a, Tunnels: w.tunnels,
		Sink: p.sink, Counters: &telemetry.Counters{}, Log: slog.New(slog.NewTextHandler(p.lines, nil)), Drain: w.drain,
	})
	l := proxy.Listeners{Outbound: listen(t, ns, redirect.NodePorts.Outbound), Plaintext: listen(t, ns, redirect.NodePorts.Plaintext), HBONE: listen(t, ns, redirect.NodePorts.HBONE)}
	if err := rules.Install(ns, rules.Plan{Ports: redirect.NodePorts}); err != nil {
		t.Fatal(err)
	}
	return p, l
}

// run runs the data path until stop, or the end of ctx.
func (p *pod) run(t testing.TB, ctx context.Context, l proxy.Listeners) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.work.Run(ctx, l) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: Run: %v", p.workload.UID, err)
		}
		p.sink.Close()
		p.udp()
	})
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("access lines of %s:\n%s", p.workload.UID, p.lines)
		}
	})
}

// datagrams is a pod's QUIC, if it is to have any, and what closes its socket.
func (w *two) datagrams(t testing.TB, ns *netns.Namespace, a *budget.Account) (proxy.Datagrams, func()) {
	t.Helper()
	if !w.quic {
		return nil, func() {}
	}
	pc, err := ns.ListenUDP(redirect.HBONEPort, redirect.MarkProxy)
	if err != nil {
		t.Fatal(err)
	}
	o := w.h3
	if a != nil {
		o.Account = a
	}
	return h3.New(o).On(pc, h3.Socket{}), func() { pc.Close() }
}

// issue makes an identity's SVIDs with the test's CA until the test ends.
func (w *two) issue(t testing.TB, id identity.ID) *issuer.Issuer {
	t.Helper()
	i := issuer.New(id, ca.Local{CA: w.authority}, issuer.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = i.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-i.Ready():
	case <-time.After(patience):
		t.Fatal("no SVID")
	}
	return i
}

// uncapture takes a pod out of the mesh; what is still open is cut soon.
func uncapture(t *testing.T, ns *netns.Namespace) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := rules.Remove(ctx, ns); err != nil {
		t.Fatal(err)
	}
}

// resolver answers out of a snapshot, without a channel.
type resolver struct {
	*mesh.Snapshot
	uid string
}

func (r resolver) Resolve(_ context.Context, dst netip.AddrPort) (mesh.Answer, error) {
	return r.Snapshot.Resolve(r.uid, dst), nil
}

func listen(t testing.TB, ns *netns.Namespace, port uint16) *net.TCPListener {
	t.Helper()
	l, err := ns.Listen(netns.ListenOptions{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve runs an application on a port of the pod until the test ends.
func (p *pod) serve(t testing.TB, port uint16, app func(*net.TCPConn)) {
	t.Helper()
	l := listen(t, p.ns, port)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			open.Go(func() { defer c.Close(); app(c) })
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
}

// dial connects as the pod's application does.
func (p *pod) dial(t testing.TB, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := p.tryDial(t, to)
	if err != nil {
		t.Fatalf("dial %s: %v", to, err)
	}
	return c
}

func (p *pod) tryDial(t testing.TB, to netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := p.ns.Dial(ctx, netns.DialOptions{Remote: to})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c, c.SetDeadline(time.Now().Add(patience))
}

// wantRefused dials and wants a reset instead of an answer. The proxy accepts
// before it knows better, so that the reset may meet the dial or the first read.
func (p *pod) wantRefused(t *testing.T, to netip.AddrPort) {
	t.Helper()
	c, err := p.tryDial(t, to)
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: %v, want a reset", to, err)
	}
}

// waitLine returns when a log line of the pod contains all of the words.
func (p *pod) waitLine(t *testing.T, words ...string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if line := p.line(words); line != "" {
			return line
		}
	}
	t.Fatalf("no access line with %q in:\n%s", words, p.lines)
	return ""
}

// line is the first of the pod's log that contains all of the words; "" is none.
func (p *pod) line(words []string) string {
	for line := range bytes.Lines([]byte(p.lines.String())) {
		if containsAll(string(line), words) {
			return string(line)
		}
	}
	return ""
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !bytes.Contains([]byte(s), []byte(w)) {
			return false
		}
	}
	return true
}

// whoami tells a client the address from which it was seen to come.
func whoami(c *net.TCPConn) { fmt.Fprint(c, c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()) }
