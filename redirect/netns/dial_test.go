package netns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func switchIPv6Off(t *testing.T, n *netns.Namespace) {
	t.Helper()
	err := n.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T, n *netns.Namespace, o netns.DialOptions) *net.TCPConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := n.Dial(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDialAcrossTheWire(t *testing.T) {
	p := sandbox.NewPair(t)
	l := listen(t, p.B, netns.ListenOptions{Port: 8080})
	mapped := netip.AddrFrom16(p.B4.As16()) // ::ffff:10.77.0.2
	for _, test := range []struct{ to, source, seen netip.Addr }{
		{p.B4, netip.Addr{}, p.A4},
		{p.B6, netip.Addr{}, p.A6},
		{p.B4, p.A4, p.A4},
		{p.B6, p.A6, p.A6},
		{mapped, netip.Addr{}, p.A4},
	} {
		c := dial(t, p.A, netns.DialOptions{Remote: netip.AddrPortFrom(test.to, 8080), Source: test.source})
		s := accept(t, l)
		if remote(s).Addr() != test.seen || remote(s) != unmapped(c.LocalAddr()) {
			t.Errorf("%+v: server sees %v, client is %v", test, remote(s), c.LocalAddr())
		}
		if remote(c) != netip.AddrPortFrom(test.to.Unmap(), 8080) {
			t.Errorf("%+v: client thinks it is connected to %v", test, c.RemoteAddr())
		}
	}
}

// Conformance 94: a dialled socket carries its mark.
func TestDialMarks(t *testing.T) {
	n := newNamespace(t)
	listen(t, n, netns.ListenOptions{Port: 8080})
	c := dial(t, n, netns.DialOptions{Remote: addrPort("127.0.0.1:8080"), Mark: 0x539})
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if got := option(t, raw, unix.SOL_SOCKET, unix.SO_MARK); got != 0x539 {
		t.Errorf("SO_MARK is %#x", got)
	}
}

// B dials as 203.0.113.9, an address that nobody has; a local route brings the
// answers back to it.
func TestDialWithForeignSource(t *testing.T) {
	p := sandbox.NewPair(t)
	l := listen(t, p.A, netns.ListenOptions{Port: 8080})
	for _, test := range []struct{ source, to netip.Addr }{
		{netip.MustParseAddr("203.0.113.9"), p.A4},
		{netip.MustParseAddr("2001:db8::9"), p.A6},
	} {
		addLocalRoute(t, p.B, test.source)
		o := netns.DialOptions{Remote: netip.AddrPortFrom(test.to, 8080), Source: test.source, Transparent: true}
		dial(t, p.B, o)
		if s := accept(t, l); remote(s).Addr() != test.source {
			t.Errorf("server sees %v, want %v", remote(s), test.source)
		}
	}
	foreign := netns.DialOptions{Remote: netip.AddrPortFrom(p.B4, 8080), Source: netip.MustParseAddr("203.0.113.9")}
	_, err := p.A.Dial(t.Context(), foreign)
	var typed *netns.Error
	if !errors.Is(err, unix.EADDRNOTAVAIL) || !errors.As(err, &typed) || typed.Op != netns.OpBind {
		t.Errorf("foreign source without Transparent: %v, want a failure to bind", err)
	}
}

func addLocalRoute(t *testing.T, n *netns.Namespace, a netip.Addr) {
	t.Helper()
	err := n.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		dst := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: dst, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Table: unix.RT_TABLE_LOCAL})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDialRefused(t *testing.T) {
	p := sandbox.NewPair(t)
	for _, to := range []netip.Addr{p.B4, p.B6, p.A4} {
		_, err := p.A.Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(to, 9)})
		var typed *netns.Error
		if !errors.Is(err, unix.ECONNREFUSED) || !errors.As(err, &typed) || typed.Op != netns.OpConnect {
			t.Errorf("dial %v: %v, want ECONNREFUSED at stage connect", to, err)
		}
	}
}

func TestDialWithoutRoute(t *testing.T) {
	n := newNamespace(t)
	_, err := n.Dial(t.Context(), netns.DialOptions{Remote: addrPort("192.0.2.1:80")})
	if !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("dial without route: %v, want ENETUNREACH", err)
	}
}

func TestDialRefusesNonsense(t *testing.T) {
	n := newNamespace(t)
	for _, o := range []netns.DialOptions{
		{},
		{Remote: addrPort("0.0.0.0:80")},
		{Remote: addrPort("[::]:80")},
		{Remote: addrPort("127.0.0.1:80"), Source: netip.MustParseAddr("::1")},
	} {
		_, err := n.Dial(t.Context(), o)
		var addr *net.AddrError
		if !errors.As(err, &addr) {
			t.Errorf("dial %+v: %v", o, err)
		}
	}
}

// Nobody answers for 192.0.2.1: B does not forward. Dials wait until their
// context ends, and leave nothing behind (the sandbox counts descriptors).
func TestDialEndsWithItsContext(t *testing.T) {
	p := sandbox.NewPair(t)
	silent := netns.DialOptions{Remote: addrPort("192.0.2.1:80")}
	wire := sandbox.NewSniffer(t, p.B)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if _, err := p.A.Dial(ctx, silent); !errors.Is(err, context.Canceled) {
				t.Errorf("dial after cancel: %v", err)
			}
		})
	}
	waitUntil(t, "50 SYNs are on the wire", func() bool { return wire.Packets() >= 50 })
	cancel()
	wait.Wait()
	deadline, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.A.Dial(deadline, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial after its deadline: %v", err)
	}
	if _, err := p.A.Dial(ctx, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("dial with a context that has ended: %v", err)
	}
}

func TestDialFromClosedNamespace(t *testing.T) {
	n := newNamespace(t)
	n.Close()
	if _, err := n.Dial(t.Context(), netns.DialOptions{Remote: addrPort("127.0.0.1:80")}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
	if _, err := n.Listen(netns.ListenOptions{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("listen: %v", err)
	}
}

func TestOwnDialsAndListens(t *testing.T) {
	l := listen(t, netns.Own(), netns.ListenOptions{})
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	dial(t, netns.Own(), netns.DialOptions{Remote: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)})
	accept(t, l)
}
