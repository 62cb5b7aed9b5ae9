package rules

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func placements(t *testing.T, test func(t *testing.T, p Plan)) {
	t.Run("node", func(t *testing.T) { test(t, node) })
	t.Run("sidecar", func(t *testing.T) { test(t, sidecar) })
}

func TestOutboundIsCaptured(t *testing.T) {
	placements(t, func(t *testing.T, p Plan) {
		w := newWorld(t)
		w.install(p)
		outbound, _, _ := w.proxy(p)
		direct := w.listen(w.B, 8080)
		for _, s := range w.sides() {
			for _, to := range []netip.Addr{s.peer, s.foreign} {
				for _, port := range []uint16{8080, redirect.HBONEPort, p.Ports.Outbound} {
					c := w.dial(w.A, to, port)
					e := w.accept(outbound)
					if dst := w.originalDst(e); dst != netip.AddrPortFrom(to, port) {
						t.Errorf("original destination is %v, want %v port %d", dst, to, port)
					}
					marker := "MARKER-out-" + to.String()
					w.send(c, e, marker)
					w.send(e, c, marker)
					w.secret(marker)
				}
			}
		}
		w.captured(12)
		w.idle(direct)
	})
}

func TestInboundIsCaptured(t *testing.T) {
	placements(t, func(t *testing.T, p Plan) {
		w := newWorld(t)
		w.install(p)
		_, plaintext, hbone := w.proxy(p)
		app := w.listen(w.A, 8080)
		for _, s := range w.sides() {
			for port, l := range map[uint16]*net.TCPListener{
				8080: plaintext, 9: plaintext, redirect.HBONEPort: hbone,
				15001: plaintext, 15006: plaintext, 16001: plaintext, 16006: plaintext, 16008: plaintext,
			} {
				c := w.dial(w.B, s.pod, port)
				e := w.accept(l)
				if dst := w.originalDst(e); dst != netip.AddrPortFrom(s.pod, port) {
					t.Errorf("original destination is %v, want %v port %d", dst, s.pod, port)
				}
				if peerOf(e).Addr() != s.peer {
					t.Errorf("connection from %v, want %v", peerOf(e), s.peer)
				}
				w.send(c, e, "there")
				w.send(e, c, "and back")
			}
		}
		w.captured(16)
		w.idle(app)
	})
}

// The application sees its client's address, and its answers go to the proxy.
func TestDeliveryKeepsTheClientsAddress(t *testing.T) {
	placements(t, func(t *testing.T, p Plan) {
		w := newWorld(t)
		w.install(p)
		app := w.listen(w.A, 8080)
		for _, s := range w.sides() {
			for _, client := range []netip.Addr{s.peer, s.foreign} {
				c := w.deliver(client, netip.AddrPortFrom(s.pod, 8080))
				a := w.accept(app)
				if peerOf(a).Addr() != client {
					t.Errorf("application sees %v, want %v", peerOf(a), client)
				}
				marker := "MARKER-in-" + client.String()
				w.send(c, a, marker)
				w.send(a, c, marker)
				w.secret(marker)
			}
		}
		w.captured(4)
	})
}

// Pods of clusters whose nodes check reverse paths strictly.
func TestDeliveryUnderReversePathFilter(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	w.must(w.A.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/conf/all/rp_filter", []byte("1"), 0)
	}))
	app := w.listen(w.A, 8080)
	c := w.deliver(w.B4, netip.AddrPortFrom(w.A4, 8080))
	a := w.accept(app)
	w.send(c, a, "there")
	w.send(a, c, "and back")
}

func TestOwnTrafficIsNotCaptured(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	outbound, plaintext, hbone := w.proxy(node)
	app := w.listen(w.A, 8080)
	for _, s := range w.sides() {
		for _, to := range []netip.Addr{s.pod, s.loopback} {
			c := w.dial(w.A, to, 8080)
			a := w.accept(app)
			if peerOf(a).Addr() != to {
				t.Errorf("application sees %v, want %v", peerOf(a), to)
			}
			w.send(c, a, "there")
			w.send(a, c, "and back")
		}
	}
	w.captured(0)
	for _, l := range []*net.TCPListener{outbound, plaintext, hbone} {
		w.idle(l)
	}
}

// A client that dials the proxy's own port in its pod is told apart by its
// original destination.
func TestOwnListenersAreRecognised(t *testing.T) {
	w := newWorld(t)
	w.install(sidecar)
	outbound, _, _ := w.proxy(sidecar)
	for _, s := range w.sides() {
		w.dial(w.A, s.loopback, sidecar.Ports.Outbound)
		dst := w.originalDst(w.accept(outbound))
		if dst.Addr() != s.loopback || !sidecar.Ports.Contains(dst.Port()) {
			t.Errorf("original destination is %v", dst)
		}
	}
}

func TestProbesAreNotCaptured(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	outbound, plaintext, _ := w.proxy(node)
	app, prober := w.listen(w.A, 8080), w.listen(w.B, 8081)
	w.addAddress(w.B, probe4)
	w.addAddress(w.B, probe6)
	for _, test := range []struct{ probe, pod netip.Addr }{{probe4, w.A4}, {probe6, w.A6}} {
		c := w.dialWith(w.B, netns.DialOptions{Remote: netip.AddrPortFrom(test.pod, 8080), Source: test.probe})
		a := w.accept(app)
		w.send(c, a, "alive?")
		w.send(a, c, "alive!")
		back := w.dial(w.A, test.probe, 8081)
		w.send(back, w.accept(prober), "MARKER-probe")
	}
	w.public("MARKER-probe")
	w.captured(0)
	w.idle(outbound)
	w.idle(plaintext)
}

func (w *world) addAddress(n *netns.Namespace, a netip.Addr) {
	w.Helper()
	w.must(n.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := sandbox.AddAddress(link, a, a.BitLen()); err != nil {
			return err
		}
		return sandbox.WaitLocal(a)
	}))
}

func TestProxysOwnConnectionsAreNotCaptured(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	outbound, _, _ := w.proxy(node)
	direct, tunnels := w.listen(w.B, 8080), w.listen(w.B, redirect.HBONEPort)
	for _, s := range w.sides() {
		for _, l := range []*net.TCPListener{direct, tunnels} {
			port := l.Addr().(*net.TCPAddr).AddrPort().Port()
			// Bits outside of the mask belong to others.
			for _, mark := range []int{redirect.MarkProxy, 0x7000 | redirect.MarkProxy} {
				c := w.dialWith(w.A, netns.DialOptions{Remote: netip.AddrPortFrom(s.peer, port), Mark: mark})
				e := w.accept(l)
				w.send(c, e, "MARKER-direct")
				w.send(e, c, "and back")
			}
		}
	}
	w.public("MARKER-direct")
	w.captured(0)
	w.idle(outbound)
}

// Marks that look like the proxy's under no mask or under another one.
func TestOtherMarksAreCaptured(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	outbound, _, _ := w.proxy(node)
	for _, mark := range []int{0x539 << 12, 0x538, redirect.MarkReply << 4} {
		c := w.dialWith(w.A, netns.DialOptions{Remote: netip.AddrPortFrom(w.B4, 8080), Mark: mark})
		w.send(c, w.accept(outbound), "captured")
	}
}

// A client may use one source port for several destinations, which become one
// when they are redirected: the kernel then changes the port that the proxy
// sees. It gets that wrong for transparent listeners (netns.ListenOptions).
func TestOneSourcePortForSeveralDestinations(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	outbound, plaintext, _ := w.proxy(node)
	for _, test := range []struct {
		from, to *netns.Namespace
		source   func(side) netip.Addr
		target   func(side) netip.Addr
		l        *net.TCPListener
	}{
		{w.A, w.B, func(s side) netip.Addr { return s.pod }, func(s side) netip.Addr { return s.peer }, outbound},
		{w.B, w.A, func(s side) netip.Addr { return s.peer }, func(s side) netip.Addr { return s.pod }, plaintext},
	} {
		for _, s := range w.sides() {
			for port := uint16(8080); port < 8084; port++ {
				to := netip.AddrPortFrom(test.target(s), port)
				c := w.dialFrom(test.from, netip.AddrPortFrom(test.source(s), 40000), to)
				e := w.accept(test.l)
				if dst := w.originalDst(e); dst != to || peerOf(e).Addr() != test.source(s) {
					t.Errorf("from %v to %v, want from %v to %v", peerOf(e), dst, test.source(s), to)
				}
				w.send(c, e, "there")
				w.send(e, c, "and back")
			}
		}
	}
	w.captured(16)
}

// dialFrom dials from a port of the caller's choice, which Dial leaves to the
// kernel.
func (w *world) dialFrom(n *netns.Namespace, from, to netip.AddrPort) *net.TCPConn {
	w.Helper()
	var c net.Conn
	w.must(n.Do(func() (err error) {
		d := net.Dialer{
			LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: hang,
			Control: func(_, _ string, raw syscall.RawConn) error {
				return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
			},
		}
		c, err = d.DialContext(w.Context(), "tcp", to.String()) // of an address: this goroutine makes the socket
		return err
	}))
	w.Cleanup(func() { c.Close() })
	w.must(c.SetDeadline(time.Now().Add(hang)))
	return c.(*net.TCPConn)
}

// Some links keep the marks of the other side. One that says "from the proxy"
// must neither get past capture nor turn the connection into a delivery.
func TestMarksFromOutsideMeanNothing(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	_, plaintext, _ := w.proxy(node)
	w.edit(func(k *kernel) {
		w.must(k.put(StepTable, table{name: "link", chains: []chain{{
			name: "arrive", kind: nftables.ChainTypeFilter,
			hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityRaw,
			rules: []rule{newRule("", iifIs("eth0"), setPacketMark(redirect.MarkProxy))},
		}}}))
	})
	for _, s := range w.sides() {
		c := w.dial(w.B, s.pod, 8080)
		e := w.accept(plaintext)
		w.send(c, e, "there")
		w.send(e, c, "and back")
	}
}

func TestIPv4IsCapturedWithIPv6SwitchedOff(t *testing.T) {
	w := newWorld(t)
	w.must(w.A.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
	}))
	w.install(node)
	w.must(Verify(w.A, node))
	outbound, _, _ := w.proxy(node)
	app := w.listen(w.A, 8080)
	w.send(w.dial(w.A, w.B4, 8080), w.accept(outbound), "captured")
	c := w.deliver(w.B4, netip.AddrPortFrom(w.A4, 8080))
	a := w.accept(app)
	w.send(c, a, "there")
	w.send(a, c, "and back")
}

// What was open before capture does not go on in plaintext under it.
func TestConnectionsFromBeforeAreReset(t *testing.T) {
	w := newWorld(t)
	server, app := w.listen(w.B, 8080), w.listen(w.A, 8080)
	var podEnds []*net.TCPConn
	for _, s := range w.sides() {
		out := w.dial(w.A, s.peer, 8080)
		w.send(out, w.accept(server), "hello")
		in := w.dial(w.B, s.pod, 8080)
		a := w.accept(app)
		w.send(in, a, "hello")
		podEnds = append(podEnds, out, a)
	}
	w.install(node)
	w.proxy(node)
	for _, c := range podEnds {
		_, err := c.Write([]byte("MARKER-late"))
		w.must(err)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%v to %v: %v, want a reset", c.LocalAddr(), c.RemoteAddr(), err)
		}
	}
	w.secret("MARKER")
}

// A sidecar's own namespace needs no way in.
func TestCaptureOfTheOwnNamespace(t *testing.T) {
	own := netns.Own()
	if err := Install(own, sidecar); err != nil {
		t.Fatal(err)
	}
	if err := Verify(own, sidecar); err != nil {
		t.Error(err)
	}
	if n, err := captured(own); n != 0 || err != nil {
		t.Errorf("%d connections are captured: %v", n, err)
	}
	if err := Remove(t.Context(), own); err != nil {
		t.Error(err)
	}
}

func TestErrorsNameStepAndCause(t *testing.T) {
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	var typed *Error
	for name, err := range map[string]error{
		"install": Install(n, node), "verify": Verify(n, node), "release": Release(n), "remove": Remove(t.Context(), n),
	} {
		if !errors.As(err, &typed) || typed.Step != StepOpen || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s in a closed namespace: %v", name, err)
		}
	}
}

func BenchmarkInstall(b *testing.B) {
	p := sandbox.NewPair(b)
	for b.Loop() {
		if err := Install(p.A, node); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCaptured(b *testing.B) {
	p := sandbox.NewPair(b)
	for b.Loop() {
		if _, err := captured(p.A); err != nil {
			b.Fatal(err)
		}
	}
}
