package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Sniff counts packets that contain a marker, wherever in the lab somebody on the
// wire could read them: on every link of the fabric and of all nodes. Traffic
// between pods of one node passes that node's links too. A packet is seen once per
// link that it crosses.
type Sniff struct {
	marker  []byte
	sockets []*os.File
	seen    atomic.Int64
	packets atomic.Int64
	drops   atomic.Int64
	readers sync.WaitGroup // one per socket
}

// Sniff looks for marker on every link of the fabric and of all nodes, until it is
// closed. It sees what is sent after it returns.
func (l *Lab) Sniff(marker []byte) (*Sniff, error) {
	if l.fabric == nil || len(marker) == 0 {
		return nil, at("sniff", "", errors.New("there is no network yet, or no marker to look for"))
	}
	s := &Sniff{marker: bytes.Clone(marker)}
	where := []*netns.Namespace{netns.Own()}
	for _, n := range l.topology.Nodes {
		where = append(where, l.fabric.nodes[n.Name])
	}
	for _, ns := range where {
		if err := s.listen(ns); err != nil {
			return nil, errors.Join(at("sniff", "", err), s.Close())
		}
	}
	return s, nil
}

// sniffBuffer holds what comes while the reader has no CPU.
const sniffBuffer = 16 << 20

func (s *Sniff) listen(ns *netns.Namespace) error {
	fd := -1
	err := ns.Do(func() (err error) {
		// In host order the protocol would be another one: see packet(7).
		everything := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, everything)
		return err
	})
	if err != nil {
		return err
	}
	// Beyond the machine's limit only where we may; Dropped says if it was too small.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, sniffBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, sniffBuffer)
	}
	f := os.NewFile(uintptr(fd), "sniff")
	s.sockets = append(s.sockets, f)
	s.readers.Go(func() { s.read(f) })
	return nil
}

// maxPacket is more than segmentation offload ever puts together.
const maxPacket = 1 << 17

// read counts until the socket is closed.
func (s *Sniff) read(f *os.File) {
	buffer := make([]byte, maxPacket)
	for {
		n, err := f.Read(buffer)
		if errors.Is(err, unix.ENETDOWN) {
			continue // a link went down: told once, the others go on
		}
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], s.marker) {
			s.seen.Add(1)
		}
		s.packets.Add(1)
	}
}

// Seen is how many packets contained the marker.
func (s *Sniff) Seen() int { return int(s.seen.Load()) }

// Packets is how many packets were looked at.
func (s *Sniff) Packets() int { return int(s.packets.Load()) }

// Dropped is how many packets the kernel could not hand over: a Seen of zero proves
// nothing unless this is zero too.
func (s *Sniff) Dropped() int {
	for _, f := range s.sockets {
		raw, err := f.SyscallConn()
		if err != nil {
			continue
		}
		_ = raw.Control(func(fd uintptr) { // fails on a closed socket, which has been counted
			if stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
				s.drops.Add(int64(stats.Drops)) // reading resets the kernel's counter
			}
		})
	}
	return int(s.drops.Load())
}

// Close ends the sniffing. The counts stay.
func (s *Sniff) Close() error {
	s.Dropped()
	var errs []error
	for _, f := range s.sockets {
		errs = append(errs, f.Close())
	}
	s.readers.Wait()
	return errors.Join(errs...)
}
