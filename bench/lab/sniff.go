package lab

import (
	"bytes"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Sniff counts packets that contain a marker, wherever in the lab somebody on the
// wire could read them: on every link of the fabric and of all nodes. Traffic
// between pods of one node passes that node's links too. A packet is seen once per
// link that it crosses.
//
// A marker that is cut in two by a packet's end is missed; clients send it in one
// write, and often. Of a bulk transfer's large packets some are dropped, and counted.
type Sniff struct {
	ears []*ear
}

// Sniff looks for marker on every link of the fabric and of all nodes, until it is
// closed. It sees what is sent after it returns.
func (l *Lab) Sniff(marker []byte) (*Sniff, error) {
	if l.fabric == nil || len(marker) == 0 {
		return nil, at("sniff", "", errors.New("there is no network yet, or no marker to look for"))
	}
	where := []*netns.Namespace{netns.Own()}
	for _, n := range l.topology.Nodes {
		where = append(where, l.fabric.nodes[n.Name])
	}
	s := &Sniff{}
	for _, ns := range where {
		e, err := newEar(ns, bytes.Clone(marker))
		if err != nil {
			return nil, errors.Join(at("sniff", "", err), s.Close())
		}
		s.ears = append(s.ears, e)
	}
	return s, nil
}

// Seen is how many packets contained the marker. What was sent before the call
// counts.
func (s *Sniff) Seen() int { return s.sum(func(e *ear) int { return e.seen }) }

// Packets is how many packets were looked at.
func (s *Sniff) Packets() int { return s.sum(func(e *ear) int { return e.packets }) }

// Dropped is how many packets the kernel could not hand over: a Seen of zero proves
// nothing unless this is zero too.
func (s *Sniff) Dropped() int { return s.sum(func(e *ear) int { return e.dropped }) }

// Close ends the sniffing. The counts stay.
func (s *Sniff) Close() error {
	var errs []error
	for _, e := range s.ears {
		errs = append(errs, e.close())
	}
	return errors.Join(errs...)
}

func (s *Sniff) sum(count func(*ear) int) int {
	sum := 0
	for _, e := range s.ears {
		e.catchUp()
		e.mu.Lock()
		sum += count(e)
		e.mu.Unlock()
	}
	return sum
}

// ear listens in one namespace.
type ear struct {
	file   *os.File
	marker []byte
	ended  chan struct{} // closed when listen has ended

	mu                     sync.Mutex
	ring                   ring
	seen, packets, dropped int
}

func newEar(ns *netns.Namespace, marker []byte) (*ear, error) {
	e := &ear{marker: marker, ended: make(chan struct{})}
	err := ns.Do(func() error {
		fd, err := e.ring.open()
		if err == nil {
			e.file = os.NewFile(uintptr(fd), "sniff")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	go e.listen()
	return e, nil
}

// listen empties the ring whenever something arrives, until the socket is closed.
func (e *ear) listen() {
	defer close(e.ended)
	raw, err := e.file.SyscallConn()
	for err == nil {
		err = raw.Read(func(fd uintptr) bool { return e.take(int(fd)) > 0 })
	}
}

// catchUp takes what the kernel has already; a closed ear has caught up before.
func (e *ear) catchUp() {
	if raw, err := e.file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { e.take(int(fd)) })
	}
}

// take looks at all packets in the ring and returns how many there were.
func (e *ear) take(fd int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for e.ring.next(fd, e.look) {
		n++
	}
	if stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		e.dropped += int(stats.Drops) // reading resets the kernel's counter
	}
	return n
}

func (e *ear) look(packet []byte) {
	e.packets++
	if packet == nil {
		e.dropped++
	}
	if bytes.Contains(packet, e.marker) {
		e.seen++
	}
}

func (e *ear) close() error {
	e.catchUp()
	err := e.file.Close()
	<-e.ended
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.close()
	return err
}
