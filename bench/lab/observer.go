package lab

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Observer sees the packets that arrive at a pod, and where they say that they come from.
type Observer struct {
	file  *os.File
	ended chan struct{} // closed when listen has ended

	mu      sync.Mutex
	arrived map[arrival]bool
}

// arrival is a packet, as far as the observer remembers it.
type arrival struct {
	source netip.Addr
	port   uint16 // of its destination
}

// Observe sees what arrives at a pod after it returns, until it is closed.
func (l *Lab) Observe(pod string) (*Observer, error) {
	ns := l.fabric.pods[pod]
	if ns == nil {
		return nil, l.unknownPod(pod)
	}
	o := &Observer{ended: make(chan struct{}), arrived: map[arrival]bool{}}
	err := ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(networkOrder(unix.ETH_P_ALL)))
		if err == nil {
			o.file = os.NewFile(uintptr(fd), "observer")
		}
		return err
	})
	if err != nil {
		return nil, at("observe", pod, err)
	}
	go o.listen()
	return o, nil
}

func networkOrder(n uint16) uint16 { return n<<8 | n>>8 }

func (o *Observer) listen() {
	defer close(o.ended)
	packet := make([]byte, 2048) // headers are at its beginning
	for {
		n, err := o.file.Read(packet)
		if err != nil && !errors.Is(err, unix.ENETDOWN) {
			return
		}
		if a, ok := parseArrival(packet[:max(n, 0)]); ok {
			o.mu.Lock()
			o.arrived[a] = true
			o.mu.Unlock()
		}
	}
}

// parseArrival reads a TCP or UDP packet of either family.
func parseArrival(p []byte) (a arrival, ok bool) {
	var header int
	var protocol byte
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		header, protocol = int(p[0]&0xf)*4, p[9]
		a.source = netip.AddrFrom4([4]byte(p[12:16]))
	case len(p) >= 40 && p[0]>>4 == 6:
		header, protocol = 40, p[6]
		a.source = netip.AddrFrom16([16]byte(p[8:24]))
	default:
		return a, false
	}
	if protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_UDP || len(p) < header+4 {
		return a, false
	}
	a.port = binary.BigEndian.Uint16(p[header+2:])
	return a, true
}

// Saw reports whether a packet from an address to a port has arrived.
func (o *Observer) Saw(source netip.Addr, port uint16) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.arrived[arrival{source, port}]
}

// Close ends it; what it saw stays.
func (o *Observer) Close() error {
	err := o.file.Close()
	<-o.ended
	return err
}
