package lab

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// network is a lab that has a network and nothing else.
func network(t *testing.T) *Lab {
	t.Helper()
	l := &Lab{topology: Default()}
	var err error
	if l.fabric, err = buildFabric(l.topology); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Heal(context.Background()); err != nil {
			t.Error(err)
		}
		if err := l.fabric.close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func impair(t *testing.T, l *Lab, node string, i wire.Impairment) {
	t.Helper()
	if err := l.Impair(t.Context(), node, i); err != nil {
		t.Fatal(err)
	}
}

func heal(t *testing.T, l *Lab) {
	t.Helper()
	if err := l.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// a mailbox is a UDP socket of a pod.
type mailbox struct {
	*net.UDPConn
	t *testing.T
}

func (l *Lab) mailbox(t *testing.T, pod string, ipv6 bool) mailbox {
	t.Helper()
	p, _ := l.topology.Pod(pod)
	var c *net.UDPConn
	err := l.fabric.pods[pod].Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.Address(ipv6), 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return mailbox{c, t}
}

func (m mailbox) send(to mailbox, body []byte) {
	m.t.Helper()
	if _, err := m.WriteTo(body, to.LocalAddr()); err != nil {
		m.t.Fatal(err)
	}
}

// next is what comes next.
func (m mailbox) next() []byte {
	m.t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(limit)); err != nil {
		m.t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, err := m.Read(buf)
	if err != nil {
		m.t.Fatal(err)
	}
	return buf[:n]
}

func (m mailbox) wants(body []byte) {
	m.t.Helper()
	if got := m.next(); !bytes.Equal(got, body) {
		m.t.Errorf("%d bytes %.20q came, want %d bytes %.20q", len(got), got, len(body), body)
	}
}

// A cut lets nothing over the uplink of its node, in neither direction and family, and
// everything else: inside the node, between others, of sentinels. What was lost stays so
// when it is healed, and what comes then arrives.
func TestACutIsOfOneUplink(t *testing.T) {
	if !inside(t) {
		return
	}
	l := network(t)
	for _, ipv6 := range []bool{false, true} {
		box := func(pod string) mailbox { return l.mailbox(t, pod, ipv6) }
		here, beside, there, farther := box("tenant-a/checkout"), box("tenant-b/web"), box("tenant-a/catalog"), box("tenant-a/web")
		impair(t, l, "node-1", wire.Cut())
		for _, way := range [][2]mailbox{{here, there}, {there, here}} {
			way[0].send(way[1], []byte("lost"))
		}
		for _, way := range [][2]mailbox{{here, beside}, {there, farther}, {box("sentinel/a"), box("sentinel/b")}} {
			way[0].send(way[1], []byte("not lost"))
			way[1].wants([]byte("not lost"))
		}
		heal(t, l)
		for _, way := range [][2]mailbox{{here, there}, {there, here}} {
			way[0].send(way[1], []byte("healed"))
			way[1].wants([]byte("healed"))
		}
	}
}

// Of many packets some are lost, and some are not.
func TestLoss(t *testing.T) {
	if !inside(t) {
		return
	}
	l := network(t)
	here, there := l.mailbox(t, "tenant-a/checkout", false), l.mailbox(t, "tenant-a/catalog", false)
	const sent, batch = 1000, 50
	for _, way := range [][2]mailbox{{here, there}, {there, here}} {
		came := 0
		for range sent / batch { // small enough for a receive buffer
			impair(t, l, "node-1", wire.Loss(50))
			for range batch {
				way[0].send(way[1], []byte("perhaps"))
			}
			heal(t, l)
			way[0].send(way[1], []byte("last"))
			for !bytes.Equal(way[1].next(), []byte("last")) {
				came++
			}
		}
		if came < 400 || came > 600 { // more than six standard deviations from 500
			t.Errorf("%d of %d came", came, sent)
		}
	}
}

// What is larger is lost, in silence; of a stream as well, until it is healed.
func TestLimit(t *testing.T) {
	if !inside(t) {
		return
	}
	l := network(t)
	here, there := l.mailbox(t, "tenant-a/checkout", false), l.mailbox(t, "tenant-a/catalog", false)
	one, other := l.stream(t, "tenant-a/checkout", "tenant-a/catalog")
	impair(t, l, "node-1", wire.Limit(1000))
	const heads = 28 // of IPv4 and UDP
	for _, way := range [][2]mailbox{{here, there}, {there, here}} {
		way[0].send(way[1], make([]byte, 1001-heads))
		way[0].send(way[1], make([]byte, 1000-heads))
		way[1].wants(make([]byte, 1000-heads))
	}
	small, large := bytes.Repeat([]byte("s"), 400), bytes.Repeat([]byte("large"), 20_000)
	transfer(t, one, other, small)
	through := make(chan struct{})
	go func() {
		defer close(through)
		transfer(t, one, other, large)
	}()
	here.send(there, []byte("a turn later"))
	there.wants([]byte("a turn later"))
	select {
	case <-through:
		t.Error("what is large came through")
	default:
	}
	heal(t, l)
	<-through
}

// Packets come later, both ways; a connection survives that the relay comes and goes,
// with all its bytes; and other nodes, and sentinels, notice nothing.
func TestDelay(t *testing.T) {
	if !inside(t) {
		return
	}
	l := network(t)
	const late = 60 * time.Millisecond
	one, other := l.stream(t, "tenant-a/checkout", "tenant-a/catalog")
	much := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	transfer(t, one, other, much)
	for _, ipv6 := range []bool{false, true} {
		box := func(pod string) mailbox { return l.mailbox(t, pod, ipv6) }
		here, there, farther := box("tenant-a/checkout"), box("tenant-a/catalog"), box("tenant-a/web")
		impair(t, l, "node-1", wire.Delay(late))
		if took := roundTrip(here, there); took < 2*late {
			t.Errorf("ipv6 %t: there and back in %v, want %v at least", ipv6, took, 2*late)
		}
		transfer(t, one, other, much)
		transfer(t, other, one, much)
		quick(t, there, farther, late)
		quick(t, box("sentinel/a"), box("sentinel/b"), late)
		quick(t, here, box("tenant-b/web"), late)
		heal(t, l)
		quick(t, here, there, late)
		transfer(t, one, other, much)
	}
	if err := within(netns.Own(), func(h *netlink.Handle) error {
		links, err := h.LinkList()
		for _, k := range links {
			if k.Type() != "veth" && k.Attrs().Name != bridgeName && k.Attrs().Name != "lo" {
				t.Errorf("left behind: %s %s", k.Type(), k.Attrs().Name)
			}
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func roundTrip(from, to mailbox) time.Duration {
	begin := time.Now()
	from.send(to, []byte("there"))
	to.wants([]byte("there"))
	to.send(from, []byte("back"))
	from.wants([]byte("back"))
	return time.Since(begin)
}

// quick waits for a round trip that nothing delayed: a busy machine may need some.
func quick(t *testing.T, from, to mailbox, late time.Duration) {
	t.Helper()
	eventually(t, "a round trip without delay", func() bool { return roundTrip(from, to) < late })
}

// stream is a TCP connection between two pods.
func (l *Lab) stream(t *testing.T, from, to string) (one, other *net.TCPConn) {
	t.Helper()
	listener, err := l.fabric.pods[to].Listen(netns.ListenOptions{Port: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p, _ := l.topology.Pod(to)
	if one, err = l.fabric.pods[from].Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(p.IPv4, 7)}); err != nil {
		t.Fatal(err)
	}
	if other, err = listener.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.Close(); other.Close() })
	for _, c := range []*net.TCPConn{one, other} {
		if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
	}
	return one, other
}

func write(t *testing.T, c net.Conn, body []byte) {
	if _, err := c.Write(body); err != nil {
		t.Error(err)
	}
}

func readN(t *testing.T, c net.Conn, n int) []byte {
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Error(err)
	}
	return got
}

func transfer(t *testing.T, from, to net.Conn, body []byte) {
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() { write(t, from, body) })
	if !bytes.Equal(readN(t, to, len(body)), body) {
		t.Error("other bytes came")
	}
}

// A drill that was called off displaces, and that heals; so does a second impairment in
// place of the first.
func TestDisplaceHeals(t *testing.T) {
	if !inside(t) {
		return
	}
	l := network(t)
	here, there := l.mailbox(t, "tenant-a/checkout", false), l.mailbox(t, "tenant-a/catalog", false)
	impair(t, l, "node-1", wire.Cut())
	impair(t, l, "node-1", wire.Delay(time.Hour))
	impair(t, l, "node-1", wire.Cut())
	if err := l.Displace(t.Context()); err != nil {
		t.Fatal(err)
	}
	here.send(there, []byte("displaced"))
	there.wants([]byte("displaced"))
	if len(l.uplinks.sieves)+len(l.uplinks.late) != 0 {
		t.Errorf("still impaired: %+v", l.uplinks)
	}
}

// No node, no impairment.
func TestImpairNamesANode(t *testing.T) {
	l := &Lab{}
	if err := l.Impair(t.Context(), "node-9", wire.Cut()); err == nil {
		t.Error("a node that is not there was cut off")
	}
	if err := l.Heal(t.Context()); err != nil {
		t.Errorf("with nothing to heal: %v", err)
	}
}
