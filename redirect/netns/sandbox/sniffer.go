package sandbox

import (
	"bytes"
	"encoding/binary"
	"os"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// maxSniffed bounds what a Sniffer keeps; a test that sends more fails.
const maxSniffed = 256 << 20

// A Sniffer keeps every packet that enters or leaves a namespace through an
// interface other than lo. A marker is found when it lies within one packet, so
// clients should send it in one write.
type Sniffer struct {
	file *os.File
	done chan struct{} // closed when read has ended

	mu      sync.Mutex
	packets [][]byte
	size    int
	lost    bool // a packet was dropped or cut: what was not seen proves nothing
	buf     []byte
}

// NewSniffer sniffs in n until the end of the test.
func NewSniffer(t testing.TB, n *netns.Namespace) *Sniffer {
	t.Helper()
	s := &Sniffer{done: make(chan struct{}), buf: make([]byte, 128<<10)}
	if err := n.Do(s.open); err != nil {
		t.Fatal("sandbox: sniff: ", err)
	}
	go s.read()
	t.Cleanup(func() {
		s.drain()
		s.file.Close()
		<-s.done
		if s.lost {
			t.Error("sandbox: the sniffer lost packets; what it did not see proves nothing")
		}
	})
	return s
}

func (s *Sniffer) open() error {
	const every = unix.ETH_P_ALL
	protocol := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, every)))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	// A burst must fit while read is not scheduled. Refused: the default it is.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	s.file = os.NewFile(uintptr(fd), "sniffer")
	return nil
}

// Seen returns the number of packets so far that contain marker.
func (s *Sniffer) Seen(marker []byte) int {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := 0
	for _, p := range s.packets {
		if bytes.Contains(p, marker) {
			seen++
		}
	}
	return seen
}

// Packets returns the number of packets so far.
func (s *Sniffer) Packets() int {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets)
}

func (s *Sniffer) raw() (syscall.RawConn, bool) {
	raw, err := s.file.SyscallConn()
	return raw, err == nil
}

// read empties the socket whenever something arrives, until it is closed.
func (s *Sniffer) read() {
	defer close(s.done)
	raw, ok := s.raw()
	if !ok {
		return
	}
	for {
		err := raw.Read(func(fd uintptr) bool { return s.take(int(fd)) > 0 })
		if err != nil {
			return
		}
	}
}

// drain takes what the kernel holds already, so that Seen is never behind.
func (s *Sniffer) drain() {
	if raw, ok := s.raw(); ok {
		raw.Control(func(fd uintptr) { s.take(int(fd)) })
	}
}

// take reads until the socket is empty and returns how many packets it read.
func (s *Sniffer) take(fd int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for taken := 0; ; taken++ {
		n, from, err := unix.Recvfrom(fd, s.buf, unix.MSG_TRUNC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			s.countDrops(fd)
			return taken
		}
		s.keep(n, from)
	}
}

func (s *Sniffer) keep(n int, from unix.Sockaddr) {
	if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Hatype == unix.ARPHRD_LOOPBACK {
		return
	}
	if n > len(s.buf) || s.size+n > maxSniffed {
		s.lost = true
		return
	}
	s.size += n
	s.packets = append(s.packets, bytes.Clone(s.buf[:n]))
}

func (s *Sniffer) countDrops(fd int) {
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err == nil && stats.Drops > 0 {
		s.lost = true
	}
}
