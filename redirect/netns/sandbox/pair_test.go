package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// A burst of packets, large ones among them, while nobody reads.
func TestSnifferLosesNothing(t *testing.T) {
	p := NewPair(t)
	wire := NewSniffer(t, p.B)
	const writes = 2000
	marker := append(bytes.Repeat([]byte("x"), 40<<10), "MARKER-end"...)
	wire.mu.Lock() // the reader waits
	send(t, p.A, p.B, p.B4, marker)
	for range writes {
		if err := knock(p); err != nil {
			t.Error(err)
		}
	}
	wire.mu.Unlock()
	if n := wire.Packets(); n < 2*writes {
		t.Errorf("%d packets were seen, at least %d were sent", n, 2*writes)
	}
	if wire.Seen([]byte("MARKER-end")) == 0 {
		t.Error("the end of a large packet was not seen")
	}
}

// knock sends a SYN to a closed port, which is answered with a reset.
func knock(p *Pair) error {
	c, err := p.A.Dial(context.Background(), netns.DialOptions{Remote: netip.AddrPortFrom(p.B4, 9)})
	if err == nil {
		c.Close()
		return errors.New("somebody answers on port 9")
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return err
	}
	return nil
}
