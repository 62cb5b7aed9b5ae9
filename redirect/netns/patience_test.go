package netns_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// longest is the longest pause of a connection between retransmissions, in ms; 0 where
// the kernel does not say.
func longest(t *testing.T, c *net.TCPConn) (ms int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errOption error
	if err := raw.Control(func(fd uintptr) {
		ms, errOption = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS)
	}); err != nil {
		t.Fatal(err)
	}
	if errors.Is(errOption, unix.ENOPROTOOPT) {
		return 0
	}
	if errOption != nil {
		t.Fatal(errOption)
	}
	return ms
}

// Both ends retransmit at least so often; where the kernel cannot, connections are made
// all the same.
func TestPatience(t *testing.T) {
	p := sandbox.NewPair(t)
	l := listen(t, p.B, netns.ListenOptions{Port: 8080})
	to := netip.AddrPortFrom(p.B4, 8080)
	c := dial(t, p.A, netns.DialOptions{Remote: to, Tuning: netns.Peer})
	s := accept(t, l)
	usual := longest(t, s)
	netns.Peer.Apply(s)
	if usual == 0 {
		t.Log("this kernel cannot: before Linux 6.15")
		return
	}
	if longest(t, c) != 1000 || longest(t, s) != 1000 || usual <= 1000 {
		t.Errorf("dialled %d ms, accepted %d ms, want 1000; usual %d", longest(t, c), longest(t, s), usual)
	}
	if got := longest(t, dial(t, p.A, netns.DialOptions{Remote: to})); got != usual {
		t.Errorf("without patience %d ms, want the kernel's %d", got, usual)
	}
	s.Close()
	netns.Peer.Apply(s) // of a closed one: nothing
}
