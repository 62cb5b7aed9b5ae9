package rules

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

var (
	node    = Plan{Ports: redirect.NodePorts}
	sidecar = Plan{Ports: redirect.SidecarPorts}
)

// hang ends a test that would otherwise wait for ever.
const hang = 30 * time.Second

// A world is a pod (A) and a peer (B) on one wire, which is sniffed at the
// peer's end.
type world struct {
	*testing.T
	*sandbox.Pair
	wire *sandbox.Sniffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	p := sandbox.NewPair(t)
	if !p.A6.IsValid() {
		t.Fatal("this kernel has no IPv6, which these tests need")
	}
	return &world{T: t, Pair: p, wire: sandbox.NewSniffer(t, p.B)}
}

// A side is the two ends of the wire in one address family.
type side struct {
	name      string
	pod, peer netip.Addr
	foreign   netip.Addr // nobody's address, routed to the other end
	loopback  netip.Addr
}

func (w *world) sides() []side {
	return []side{
		{"IPv4", w.A4, w.B4, netip.MustParseAddr("203.0.113.80"), netip.MustParseAddr("127.0.0.1")},
		{"IPv6", w.A6, w.B6, netip.MustParseAddr("2001:db8::80"), netip.MustParseAddr("::1")},
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) install(p Plan) {
	w.Helper()
	w.must(Install(w.A, p))
}

// listen listens in n until the end of the test.
func (w *world) listen(n *netns.Namespace, port uint16) *net.TCPListener {
	w.Helper()
	l, err := n.Listen(netns.ListenOptions{Port: port})
	w.must(err)
	w.Cleanup(func() { l.Close() })
	return l
}

// proxy opens the listeners of a placement in the pod.
func (w *world) proxy(p Plan) (outbound, plaintext, hbone *net.TCPListener) {
	w.Helper()
	return w.listen(w.A, p.Ports.Outbound), w.listen(w.A, p.Ports.Plaintext), w.listen(w.A, p.Ports.HBONE)
}

func (w *world) dialOptions(n *netns.Namespace, o netns.DialOptions) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	return n.Dial(ctx, o)
}

func (w *world) dial(n *netns.Namespace, to netip.Addr, port uint16) *net.TCPConn {
	w.Helper()
	return w.dialWith(n, netns.DialOptions{Remote: netip.AddrPortFrom(to, port)})
}

func (w *world) dialWith(n *netns.Namespace, o netns.DialOptions) *net.TCPConn {
	w.Helper()
	c, err := w.dialOptions(n, o)
	w.must(err)
	w.Cleanup(func() { c.Close() })
	w.must(c.SetDeadline(time.Now().Add(hang)))
	return c
}

// deliver connects to the application in the pod as the proxy does.
func (w *world) deliver(source netip.Addr, to netip.AddrPort) *net.TCPConn {
	w.Helper()
	return w.dialWith(w.A, netns.DialOptions{Remote: to, Source: source, Transparent: true, Mark: redirect.MarkDelivery})
}

func (w *world) accept(l *net.TCPListener) *net.TCPConn {
	w.Helper()
	l.SetDeadline(time.Now().Add(hang))
	c, err := l.AcceptTCP()
	if err != nil {
		w.Fatalf("nothing arrives at %v: %v", l.Addr(), err)
	}
	w.Cleanup(func() { c.Close() })
	w.must(c.SetDeadline(time.Now().Add(hang)))
	return c
}

// idle fails the test when somebody has connected to l. It asks the kernel: an
// Accept whose deadline has passed does not look whether anybody waits.
func (w *world) idle(l *net.TCPListener) {
	w.Helper()
	raw, err := l.SyscallConn()
	w.must(err)
	waiting := 0
	w.must(raw.Control(func(fd uintptr) {
		for err = unix.EINTR; err == unix.EINTR; {
			waiting, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		}
	}))
	w.must(err)
	if waiting > 0 {
		w.Errorf("unexpected connection from %v to %v", peerOf(w.accept(l)), l.Addr())
	}
}

// send sends text from one end of a connection and reads it at the other.
func (w *world) send(from, to net.Conn, text string) {
	w.Helper()
	_, err := from.Write([]byte(text))
	w.must(err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(to, got)
	w.must(err)
	if string(got) != text {
		w.Fatalf("sent %q, arrived %q", text, got)
	}
}

// secret fails the test when a marker was seen on the wire.
func (w *world) secret(marker string) {
	w.Helper()
	if n := w.wire.Seen([]byte(marker)); n > 0 {
		w.Errorf("%q was on the wire in plaintext, in %d packets", marker, n)
	}
}

// public waits until a marker has been seen on the wire.
func (w *world) public(marker string) {
	w.Helper()
	w.until(marker+" is on the wire", func() bool { return w.wire.Seen([]byte(marker)) > 0 })
}

func (w *world) until(what string, done func() bool) {
	w.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(hang); !done(); <-tick.C {
		if time.Now().After(deadline) {
			w.Fatalf("waited %v until %s", hang, what)
		}
	}
}

func (w *world) originalDst(c *net.TCPConn) netip.AddrPort {
	w.Helper()
	dst, err := redirect.OriginalDst(c)
	w.must(err)
	return dst
}

func (w *world) captured(want int) {
	w.Helper()
	n, err := captured(w.A)
	w.must(err)
	if n != want {
		w.Errorf("%d connections are captured, want %d", n, want)
	}
}

func peerOf(c *net.TCPConn) netip.AddrPort {
	ap := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// captured returns how many captured connections are open in the pod: outbound
// ones, deliveries to the application, connections to the proxy's
// listeners, tunnels among them, and those in plaintext that had to get another
// source port beside a delivery.
func captured(n *netns.Namespace) (int, error) {
	k, err := openKernel(n)
	if err != nil {
		return 0, err
	}
	defer k.close()
	open, err := k.captured()
	return len(open), err
}
