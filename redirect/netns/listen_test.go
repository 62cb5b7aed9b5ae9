package netns_test

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func itoa(n int) string                { return strconv.Itoa(n) }
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
func remote(c net.Conn) netip.AddrPort { return unmapped(c.RemoteAddr()) }
func unmapped(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func listen(t *testing.T, n *netns.Namespace, o netns.ListenOptions) *net.TCPListener {
	t.Helper()
	l, err := n.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func accept(t *testing.T, l *net.TCPListener) *net.TCPConn {
	t.Helper()
	l.SetDeadline(time.Now().Add(30 * time.Second))
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal("accept: ", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func option(t *testing.T, c interface {
	Control(func(uintptr)) error
}, level, name int) int {
	t.Helper()
	var value int
	var optErr error
	if err := c.Control(func(fd uintptr) { value, optErr = unix.GetsockoptInt(int(fd), level, name) }); err != nil || optErr != nil {
		t.Fatal("getsockopt: ", err, optErr)
	}
	return value
}

// Conformance 94: a listener shares its port with nobody, custody makes that needless.
// Conformance 96: a second listener is an error that names the namespace.
func TestListenTakesItsPortOnce(t *testing.T) {
	n := newNamespace(t)
	l := listen(t, n, netns.ListenOptions{Port: 15001})
	_, err := n.Listen(netns.ListenOptions{Port: 15001})
	var typed *netns.Error
	if !errors.Is(err, unix.EADDRINUSE) || !errors.As(err, &typed) || typed.Namespace != n.Inode() {
		t.Errorf("second listener on a port: %v, want EADDRINUSE", err)
	}
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if option(t, raw, unix.SOL_SOCKET, unix.SO_REUSEPORT) != 0 {
		t.Error("SO_REUSEPORT is set")
	}
	// The same port elsewhere is free.
	listen(t, newNamespace(t), netns.ListenOptions{Port: 15001})
}

func TestListenAgainAtOnce(t *testing.T) {
	n := newNamespace(t)
	for range 3 {
		l := listen(t, n, netns.ListenOptions{Port: 15001})
		c, err := n.Dial(t.Context(), netns.DialOptions{Remote: addrPort("127.0.0.1:15001")})
		if err != nil {
			t.Fatal(err)
		}
		s := accept(t, l)
		s.Close() // first, so that the listener's side is left in TIME_WAIT
		c.Close()
		l.Close()
	}
}

func TestTransparentListener(t *testing.T) {
	n := newNamespace(t)
	for _, transparent := range []bool{false, true} {
		l := listen(t, n, netns.ListenOptions{Port: 0, Transparent: transparent})
		raw, err := l.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if got := option(t, raw, unix.IPPROTO_IP, unix.IP_TRANSPARENT) != 0; got != transparent {
			t.Errorf("transparent is %v, want %v", got, transparent)
		}
	}
}

func TestListenWithIPv6SwitchedOff(t *testing.T) {
	n := newNamespace(t)
	switchIPv6Off(t, n)
	l := listen(t, n, netns.ListenOptions{Port: 15001})
	c, err := n.Dial(t.Context(), netns.DialOptions{Remote: addrPort("127.0.0.1:15001")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s := accept(t, l); remote(s).Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("connection from %v", remote(s))
	}
}
