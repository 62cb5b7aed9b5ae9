package redirect

import (
	"net"
	"net/netip"
	"testing"
)

// Redirected connections are tested in package rules, where the rules are.

func TestOriginalDstOfPlainConnectionIsItsLocalAddress(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		for _, network := range []string{"tcp", "tcp4", "tcp6"} {
			if (network == "tcp4") != (addr == "127.0.0.1") && network != "tcp" {
				continue
			}
			t.Run(network+" "+addr, func(t *testing.T) {
				want, got := plainConnection(t, network, netip.MustParseAddr(addr))
				if got != want {
					t.Errorf("original destination %v, want %v", got, want)
				}
			})
		}
	}
}

// plainConnection connects to addr over a listener of a network on all
// addresses, and returns what was dialled and what OriginalDst says.
func plainConnection(t *testing.T, network string, addr netip.Addr) (dialled, original netip.AddrPort) {
	t.Helper()
	l, err := net.Listen(network, ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled = netip.AddrPortFrom(addr, l.Addr().(*net.TCPAddr).AddrPort().Port())
	c, err := net.Dial("tcp", dialled.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	original, err = OriginalDst(s.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	return dialled, original
}

func TestOriginalDstOfClosedConnectionFails(t *testing.T) {
	l, err := net.ListenTCP("tcp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if dst, err := OriginalDst(c); err == nil {
		t.Errorf("closed connection has original destination %v", dst)
	}
	if dst, err := OriginalDst(&net.TCPConn{}); err == nil {
		t.Errorf("zero connection has original destination %v", dst)
	}
}
