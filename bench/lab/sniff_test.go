package lab

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// TestSniffSees a marker between any two pods, of one node and of two, also in what
// segmentation offload put together, and never one that is not sent.
func TestSniffSees(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	for _, c := range []struct {
		name, from, to string
		size           int
	}{
		{"one node", "tenant-c/catalog", "tenant-b/db", 100},
		{"two nodes", "tenant-a/web", "tenant-a/checkout", 100},
		{"large", "tenant-a/web", "tenant-a/checkout", 20 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			marker := []byte("a marker that nothing else sends")
			sniff, err := l.Sniff(marker)
			if err != nil {
				t.Fatal(err)
			}
			other, err := l.Sniff([]byte("a marker that nobody sends"))
			if err != nil {
				t.Fatal(err)
			}
			// Padding first: the marker is in the last packet, which is whole.
			sendRaw(t, l, c.from, c.to, append(bytes.Repeat([]byte("x"), c.size), marker...))
			if sniff.Seen() == 0 || sniff.Packets() == 0 || sniff.Dropped() > 0 {
				t.Errorf("seen %d of %d packets, %d dropped", sniff.Seen(), sniff.Packets(), sniff.Dropped())
			}
			seen := sniff.Seen()
			for _, s := range []*Sniff{sniff, other} {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if other.Seen() != 0 || sniff.Seen() != seen {
				t.Errorf("after Close: %d, %d of another marker", sniff.Seen(), other.Seen())
			}
		})
	}
	if _, err := l.Sniff(nil); err == nil {
		t.Error("an empty marker is in every packet")
	}
}

// sendRaw sends bytes from one pod to another, past all applications.
func sendRaw(t *testing.T, l *Lab, from, to string, b []byte) {
	t.Helper()
	const port = 7
	listener, err := l.fabric.pods[to].Listen(netns.ListenOptions{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan int64, 1)
	go takeRaw(listener, received)
	p, _ := l.Topology().Pod(to)
	conn, err := l.fabric.pods[from].Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(p.IPv4, port)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(b); err != nil {
		t.Error(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	if n := <-received; n != int64(len(b)) {
		t.Errorf("%d of %d bytes arrived", n, len(b))
	}
}

func takeRaw(l *net.TCPListener, received chan<- int64) {
	c, err := l.AcceptTCP()
	if err != nil {
		received <- 0
		return
	}
	defer c.Close()
	n, _ := io.Copy(io.Discard, c) // a short count says that it failed
	received <- n
}
