package sandbox

import (
	"context"
	"io"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func TestPairCarriesBothFamiliesAndSnifferSeesThem(t *testing.T) {
	p := NewPair(t)
	if !p.A6.IsValid() {
		t.Fatal("this kernel has no IPv6; the other tests need it")
	}
	wire := NewSniffer(t, p.B)
	for _, to := range []netip.Addr{p.B4, p.B6} {
		marker := []byte("MARKER-" + to.String())
		send(t, p.A, p.B, to, marker)
		if wire.Seen(marker) == 0 {
			t.Errorf("sniffer did not see what was sent to %v", to)
		}
	}
	if n := wire.Seen([]byte("never sent")); n != 0 {
		t.Errorf("sniffer saw %d packets that were never sent", n)
	}
	if wire.Packets() < 6 {
		t.Errorf("sniffer counted %d packets over two connections", wire.Packets())
	}
}

func TestSnifferIgnoresLoopback(t *testing.T) {
	p := NewPair(t)
	wire := NewSniffer(t, p.A)
	marker := []byte("MARKER-own")
	send(t, p.A, p.A, p.A4, marker)
	if wire.Seen(marker) != 0 {
		t.Error("sniffer took a packet of lo for one of the wire")
	}
}

func send(t *testing.T, from, to *netns.Namespace, addr netip.Addr, what []byte) {
	t.Helper()
	l, err := to.Listen(netns.ListenOptions{Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := from.Dial(ctx, netns.DialOptions{Remote: netip.AddrPortFrom(addr, 8080)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := c.Write(what); err != nil {
		t.Fatal(err)
	}
	s.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.ReadFull(s, make([]byte, len(what))); err != nil {
		t.Fatal(err)
	}
}

func TestProcIsThatOfTheSandbox(t *testing.T) {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	if pid := os.Getpid(); self != strconv.Itoa(pid) {
		t.Errorf("/proc/self is %s, getpid says %d", self, pid)
	}
}
