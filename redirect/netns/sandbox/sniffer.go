package sandbox

import (
	"bytes"
	"os"
	"sync"

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
	ring    ring
	packets [][]byte
	size    int
	lost    bool // a packet was dropped or cut: what was not seen proves nothing
}

// NewSniffer sniffs in n until the end of the test. The test fails when the
// sniffer has lost a packet.
func NewSniffer(t testing.TB, n *netns.Namespace) *Sniffer {
	t.Helper()
	s := &Sniffer{done: make(chan struct{})}
	if err := n.Do(s.open); err != nil {
		t.Fatal("sandbox: sniff: ", err)
	}
	go s.read()
	t.Cleanup(func() {
		if s.close() {
			t.Error("sandbox: the sniffer lost packets; what it did not see proves nothing")
		}
	})
	return s
}

func (s *Sniffer) open() error {
	fd, err := s.ring.open()
	if err != nil {
		return err
	}
	s.file = os.NewFile(uintptr(fd), "sniffer")
	return nil
}

// close reports whether packets were lost.
func (s *Sniffer) close() bool {
	s.drain()
	s.file.Close()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.close()
	return s.lost
}

// Seen returns the number of packets so far that contain marker. A packet that
// was sent before the call is looked at.
func (s *Sniffer) Seen(marker []byte) int {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count(marker)
}

func (s *Sniffer) count(marker []byte) (seen int) {
	for _, p := range s.packets {
		if bytes.Contains(p, marker) {
			seen++
		}
	}
	return seen
}

// Forget drops the packets that were seen so far, of which maxSniffed bytes are kept.
func (s *Sniffer) Forget() {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets, s.size = nil, 0
}

// Took is Seen of the packets so far, which it forgets, and no others.
func (s *Sniffer) Took(marker []byte) int {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.count(marker)
	s.packets, s.size = nil, 0
	return seen
}

// Packets returns the number of packets so far.
func (s *Sniffer) Packets() int {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets)
}

// read empties the ring whenever something arrives, until the socket is closed.
func (s *Sniffer) read() {
	defer close(s.done)
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	for {
		if raw.Read(func(fd uintptr) bool { return s.take(int(fd)) > 0 }) != nil {
			return
		}
	}
}

// drain takes what the kernel holds already, so that Seen is never behind.
func (s *Sniffer) drain() {
	raw, err := s.file.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { s.take(int(fd)) })
	}
	_ = err // closed: everything has been taken
}

// take empties the ring and returns how many packets were in it. It goes round
// once at most: what was there is taken, and a flood does not hold it.
func (s *Sniffer) take(fd int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := 0
	for ; taken < ringFrames; taken++ {
		p, ok := s.ring.next(fd)
		if !ok {
			break
		}
		s.keep(p)
	}
	s.lost = s.lost || s.ring.dropped(fd)
	return taken
}

func (s *Sniffer) keep(p packet) {
	if p.hardware == unix.ARPHRD_LOOPBACK {
		return
	}
	if p.cut || s.size+len(p.data) > maxSniffed {
		s.lost = true
		return
	}
	s.size += len(p.data)
	s.packets = append(s.packets, p.data)
}
