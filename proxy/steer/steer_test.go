package steer

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

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
	{"too short to have an ID", []byte{0x41}, 3},
	{"too short for a long header", []byte{0xc0, 0, 0}, 3},
	{"empty", nil, 3},
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

// FuzzProgram: any bytes are led to a socket, the one that they would be by the words of RFC 9000.
func FuzzProgram(f *testing.F) {
	for _, c := range packets {
		f.Add(c.packet)
	}
	vm, err := bpf.NewVM(to.program())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := int(to.Begins)
		if id := ours(b); len(id) > 0 && id[0] < Slots {
			want = int(to.Slots[id[0]])
		}
		if got, err := vm.Run(b); err != nil || got != want {
			t.Errorf("%x: socket %d, %v, want %d", b, got, err, want)
		}
	})
}

// ours is the ID of a packet, from its first byte on, if it may be one that a process chose.
func ours(b []byte) []byte {
	switch {
	case len(b) <= longID:
		return nil
	case b[0]&longHeader == 0:
		return b[shortID:]
	case b[longLength] == IDLength:
		return b[longID:]
	default:
		return nil
	}
}

const port = 15008 // of the sandbox: nobody else is in it

// open makes a group, which leads to where to says.
func open(t *testing.T) []*os.File {
	t.Helper()
	group, err := Open(netns.Own(), port, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range group {
			f.Close()
		}
	})
	if err := Lead(group, to); err != nil {
		t.Fatal(err)
	}
	return group
}

// TestTheKernelDoesSo: the same out of the kernel, in the order in which the sockets were made,
// and another process is not in the group before ours.
func TestTheKernelDoesSo(t *testing.T) {
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if files, err := Open(netns.Own(), port, 0); err == nil {
		t.Errorf("%d sockets on a port that somebody has", len(files))
	}
	taken.Close()
	var sockets [Slots]net.PacketConn
	for i, f := range open(t) {
		pc, err := net.FilePacketConn(f)
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

// A socket has the buffer that quic-go wants, where the maker may give it, and else as much as the machine allows.
func TestSocketsHaveRoom(t *testing.T) {
	own, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(own)
	want := receiveBuffer
	if errors.Is(unix.SetsockoptInt(own, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20), unix.EPERM) {
		if err := unix.SetsockoptInt(own, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer/2); err != nil {
			t.Fatal(err)
		}
		if want, err = unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d KiB", want>>10)
	for slot, f := range open(t) {
		if got, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || got != want {
			t.Errorf("slot %d: %d bytes, %v, want %d", slot, got, err, want)
		}
	}
}

// What a process does to one socket of a group shows, also when it undoes it.
func TestASpoiledGroup(t *testing.T) {
	connect := func(fd int) error { return unix.Connect(fd, &unix.SockaddrInet6{Port: 9, Addr: [16]byte{15: 1}}) }
	for _, c := range []struct {
		name  string
		spoil func(fd int) error
	}{
		{"connected", connect},
		{"connected and let go again", func(fd int) error {
			if err := connect(fd); err != nil {
				return err
			}
			none := unix.RawSockaddrInet6{Family: unix.AF_UNSPEC}
			if _, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unix.SizeofSockaddrInet6); e != 0 {
				return e
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			group := open(t)
			if err := c.spoil(int(group[2].Fd())); err != nil {
				t.Fatal(err)
			}
			var spoiled *SpoiledError
			if err := Lead(group, to); !errors.As(err, &spoiled) || spoiled.Slot != 2 {
				t.Errorf("%v, want that slot 2 is spoiled", err)
			}
		})
	}
}
