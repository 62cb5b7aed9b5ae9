package attack

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// sources sends packets under the address of another workload, from each place, in each
// way that there is. Whether one got through is for the observer to say.
func (t *thief) sources() {
	for _, p := range t.places {
		for _, w := range t.forgeable(p) {
			t.forge(p, w, w.Address, t.Observer, "")
			if w.Address6.IsValid() && t.Observer6.IsValid() {
				t.forge(p, w, w.Address6, t.Observer6, " over IPv6")
			}
		}
	}
	// The observer sees what arrives.
	own := t.workload(t.Culprit)
	t.control("a packet under its own address", func() error { return t.own(own.Address, t.Observer) })
	if own.Address6.IsValid() && t.Observer6.IsValid() {
		t.control("a packet under its own address over IPv6", func() error { return t.own(own.Address6, t.Observer6) })
	}
}

// own sends one as itself.
func (t *thief) own(from, to netip.Addr) error {
	at := t.next(from, to)
	return t.home().Do(func() error { return sendTCP(from, at, true) })
}

// forge tries every way for one source.
func (t *thief) forge(p place, w Workload, from, to netip.Addr, over string) {
	for _, way := range []struct {
		kind string
		send func(from netip.Addr, to netip.AddrPort) error
	}{
		{"forge a source, TCP", func(from netip.Addr, to netip.AddrPort) error { return sendTCP(from, to, true) }},
		{"forge a source, TCP unmarked", func(from netip.Addr, to netip.AddrPort) error { return sendTCP(from, to, false) }},
		{"forge a source, UDP", sendUDP},
		{"forge a source, raw", sendRaw},
		{"forge a source, frame", sendFrame},
	} {
		if from.Is6() && (way.kind == "forge a source, raw" || way.kind == "forge a source, frame") {
			continue // one family shows it
		}
		t.try(way.kind+over, w.Name, func() error {
			at := t.next(from, to)
			return p.ns.Do(func() error { return way.send(from, at) })
		})
	}
}

// forgeable are the workloads whose address is another's in a place. Those of the group
// are, too: what a pod sends must be from that pod.
func (t *thief) forgeable(p place) []Workload {
	return slices.DeleteFunc(slices.Clone(t.Workloads), func(w Workload) bool { return w.Name == t.owner(p) })
}

// next announces a packet to the observer, at a port of its own.
func (t *thief) next(from, to netip.Addr) netip.AddrPort {
	t.port++
	t.packet = &Packet{Source: from, Port: t.port}
	return netip.AddrPortFrom(to, t.port)
}

// settle is how long a SYN may need to leave; nobody answers to the thief.
const settle = 20 * time.Millisecond

func sendTCP(from netip.Addr, to netip.AddrPort, marked bool) error {
	fd, err := unix.Socket(family(from), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if marked {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, redirect.MarkProxy); err != nil {
			return err
		}
	}
	if err := transparent(fd, from); err != nil {
		return err
	}
	err = unix.Connect(fd, sockaddr(to))
	if errors.Is(err, unix.EINPROGRESS) {
		time.Sleep(settle) // closed at once, a SYN that waits for a link address would not be sent
		err = nil
	}
	return err
}

func sendUDP(from netip.Addr, to netip.AddrPort) error {
	fd, err := unix.Socket(family(from), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := transparent(fd, from); err != nil {
		return err
	}
	return unix.Sendto(fd, []byte("x"), 0, sockaddr(to))
}

// transparent binds to an address that is not this host's.
func transparent(fd int, from netip.Addr) error {
	level, option := unix.IPPROTO_IP, unix.IP_TRANSPARENT
	if from.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT
	}
	if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
		return err
	}
	return unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0)))
}

// sendRaw writes the IP header by itself; the kernel fills in checksum and length.
func sendRaw(from netip.Addr, to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, datagram(from, to), 0, &unix.SockaddrInet4{Addr: to.Addr().As4()})
}

// sendFrame hands a packet to the pod's link itself, past the pod's own filters.
func sendFrame(from netip.Addr, to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	link, mac, err := gateway()
	if err != nil {
		return err
	}
	at := &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: link.Index, Halen: 6} // ETH_P_IP, in network order
	copy(at.Addr[:], mac)
	return unix.Sendto(fd, datagram(from, to), 0, at)
}

// gateway is a neighbour on a link of the network namespace, whom the link's other end
// takes for itself.
func gateway() (*net.Interface, net.HardwareAddr, error) {
	// Not self: this thread is in the pod's namespace, the process may not be.
	b, err := os.ReadFile("/proc/thread-self/net/arp")
	if err != nil {
		return nil, nil, err
	}
	for _, line := range strings.Split(string(b), "\n")[1:] {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		mac, err := net.ParseMAC(fields[3])
		if err != nil || len(mac) != 6 {
			continue
		}
		link, err := net.InterfaceByName(fields[5])
		return link, mac, err
	}
	return nil, nil, errors.New("no gateway is known")
}

// datagram is an IPv4 packet without data; where the kernel does not fill in the checksum
// of its header, it is there.
func datagram(from netip.Addr, to netip.AddrPort) []byte {
	packet := make([]byte, 28)
	packet[0], packet[3], packet[8], packet[9] = 0x45, 28, 64, unix.IPPROTO_UDP
	source, destination := from.As4(), to.Addr().As4()
	copy(packet[12:], source[:])
	copy(packet[16:], destination[:])
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(packet[10:], ^uint16(sum))
	binary.BigEndian.PutUint16(packet[20:], 9)
	binary.BigEndian.PutUint16(packet[22:], to.Port())
	binary.BigEndian.PutUint16(packet[24:], 8)
	return packet
}

func family(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}
