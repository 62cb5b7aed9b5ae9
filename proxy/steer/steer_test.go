package steer

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func short(slot byte) []byte { return append([]byte{0x41, slot}, make([]byte, 30)...) }

func long(length int, first byte) []byte {
	b := append([]byte{0xc1, 0, 0, 0, 1, byte(length), first}, make([]byte, length-1)...)
	return append(b, make([]byte, 30)...)
}

var packets = []struct {
	name   string
	packet []byte
	place  int
}{
	{"short, slot 0", short(0), 0},
	{"short, slot 1", short(1), 3}, // its process is dead
	{"short, slot 2", short(2), 2},
	{"short, slot 3", short(3), 3},
	{"short, no slot", short(200), 3},
	{"handshake with our ID", long(IDLength, 2), 2},
	{"handshake with the ID of the dead", long(IDLength, 1), 3},
	{"what begins: an ID that the client made up", long(8, 2), 3},
	{"what begins, with the longest ID", long(20, 0), 3},
	{"too short to have an ID", []byte{0x41}, 0},
	{"too short for a long header", []byte{0xc0, 0, 0}, 0},
	{"empty", nil, 0},
}

var to = To{Slots: [Slots]uint8{0, 3, 2, 3}, Begins: 3}

func TestWhoGetsAPacket(t *testing.T) {
	vm, err := bpf.NewVM(to.program())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range packets {
		got, err := vm.Run(c.packet)
		if err != nil || got != c.place {
			t.Errorf("%s: socket %d, %v, want %d", c.name, got, err, c.place)
		}
	}
}

// TestTheKernelDoesSo: the same out of the kernel, in the order in which the sockets were made,
// and another process is not in the group before ours.
func TestTheKernelDoesSo(t *testing.T) {
	ns := netns.Own()
	free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(free.LocalAddr().(*net.UDPAddr).Port)
	if files, err := Open(ns, port, 0); err == nil {
		t.Errorf("%d sockets on a port that somebody has", len(files))
	}
	free.Close()
	files, err := Open(ns, port, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := Lead(files[2], to); err != nil {
		t.Fatal(err)
	}
	var sockets [Slots]net.PacketConn
	for i, f := range files {
		pc, err := net.FilePacketConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		sockets[i] = pc
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, one := range packets {
		if _, err := c.Write(one.packet); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		_ = sockets[one.place].SetReadDeadline(time.Now().Add(30 * time.Second))
		n, _, err := sockets[one.place].ReadFrom(b)
		if err != nil || !bytes.Equal(b[:n], one.packet) {
			t.Fatalf("%s: socket %d has %x, %v", one.name, one.place, b[:n], err)
		}
	}
}
