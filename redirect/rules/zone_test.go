package rules

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A client that has left the mesh has, by chance, the source port of one of its connections
// that is still delivered out of a tunnel, or the other way round. Both live on, and each
// reaches the other end that it has.
func TestDeliveryAndPlaintextWithTheSamePorts(t *testing.T) {
	for _, first := range []string{"delivery", "plaintext"} {
		t.Run(first+" first", func(t *testing.T) {
			w := newWorld(t)
			app := w.listen(w.A, 8080)
			w.install(Plan{Ports: node.Ports, Instead: Passthrough})
			for _, s := range w.sides() {
				from, to := netip.AddrPortFrom(s.peer, 40000), netip.AddrPortFrom(s.pod, 8080)
				open := map[string]func() *net.TCPConn{
					"delivery":  func() *net.TCPConn { return w.deliverFrom(from, to) },
					"plaintext": func() *net.TCPConn { return w.dialFrom(w.B, from, to) },
				}
				one := open[first]()
				delete(open, first)
				oneApp := w.accept(app)
				var other *net.TCPConn
				for _, dial := range open {
					other = dial()
				}
				otherApp := w.accept(app)
				for range 2 {
					w.send(one, oneApp, "ONE-THERE")
					w.send(other, otherApp, "OTHER-THERE")
					w.send(oneApp, one, "ONE-BACK")
					w.send(otherApp, other, "OTHER-BACK")
				}
			}
		})
	}
}

// A connection in plaintext that got another source port beside a delivery would be reset as
// soon as NAT is gone: Remove waits for it as for a captured one.
func TestRemoveWaitsForWhatNATHasMoved(t *testing.T) {
	w := newWorld(t)
	app := w.listen(w.A, 8080)
	w.install(node)
	for _, s := range w.sides() {
		from, to := netip.AddrPortFrom(s.peer, 40000), netip.AddrPortFrom(s.pod, 8080)
		delivery := w.deliverFrom(from, to)
		w.accept(app).Close()
		w.must(Release(w.A))
		plain := w.dialFrom(w.B, from, to)
		served := w.accept(app)
		if got := peerOf(served); got.Addr() != s.peer || got.Port() == 40000 {
			t.Errorf("%s: the application sees %v, want another port of %v", s.name, got, s.peer)
		}
		delivery.Close()
		w.until("only what NAT has moved is left", func() bool {
			n, err := captured(w.A)
			w.must(err)
			return n == 1
		})
		removed := make(chan error, 1)
		go func() { removed <- Remove(w.Context(), w.A) }()
		w.send(plain, served, "STILL-THERE")
		w.send(served, plain, "STILL-BACK")
		plain.Close()
		served.Close()
		w.must(<-removed)
		w.must(Clean(w.A))
		w.install(node)
	}
}

// A proxy from before deliveries had a zone has left rules without one, and deliveries that
// are not marked for it. Its successor completes the rules, and neither these notice nor what
// the proxy has dialled past the mesh, of which the server speaks first.
func TestZonesComeWithAnUpgrade(t *testing.T) {
	w := newWorld(t)
	app, server := w.listen(w.A, 8080), w.listen(w.B, 9000)
	for _, s := range w.sides() {
		w.install(node)
		w.edit(func(k *kernel) {
			c := &nftables.Chain{Name: zoneChain, Table: inet(keepName)}
			k.nft.FlushChain(c)
			k.nft.DelChain(c)
		})
		old := w.dialWith(w.A, netns.DialOptions{Remote: netip.AddrPortFrom(s.pod, 8080), Source: s.peer, Transparent: true, Mark: redirect.MarkProxy})
		served := w.accept(app)
		past := w.dialWith(w.A, netns.DialOptions{Remote: netip.AddrPortFrom(s.peer, 9000), Mark: redirect.MarkProxy})
		peer := w.accept(server)
		w.send(served, old, "BEFORE")
		w.must(Recapture(w.A, node))
		w.must(Verify(w.A, node))
		w.send(peer, past, "SPEAKS-FIRST")
		w.send(served, old, "AFTER-BACK")
		w.send(old, served, "AFTER-THERE")
		w.send(w.deliver(s.peer, netip.AddrPortFrom(s.pod, 8080)), w.accept(app), "NEW")
	}
}

// deliverFrom delivers with the client's port as well as its address, which Dial leaves to the kernel.
func (w *world) deliverFrom(from, to netip.AddrPort) *net.TCPConn {
	w.Helper()
	var c net.Conn
	w.must(w.A.Do(func() (err error) {
		d := net.Dialer{
			LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: hang,
			Control: func(_, _ string, raw syscall.RawConn) error { return raw.Control(prepareDelivery) },
		}
		c, err = d.DialContext(w.Context(), "tcp", to.String()) // of an address: this goroutine makes the socket
		return err
	}))
	w.Cleanup(func() { c.Close() })
	w.must(c.SetDeadline(time.Now().Add(hang)))
	return c.(*net.TCPConn)
}

func prepareDelivery(fd uintptr) {
	unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, redirect.MarkDelivery)
	unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1)
	unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
}
