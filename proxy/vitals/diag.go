package vitals

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// State is that of a TCP socket, as the kernel numbers them (tcp_states.h).
type State uint8

// The states that are asked for: a dump of a busy pod would be mostly TIME_WAIT.
const (
	Established State = 1
	SynSent     State = 2
	FinWait1    State = 4 // closed here, and at the other end not yet
	FinWait2    State = 5
	CloseWait   State = 8
	Listen      State = 10
)

// Socket is one TCP socket of a network namespace.
type Socket struct {
	State         State
	Local, Remote netip.AddrPort
	// Waiting and Room are of a listening socket: connections that nobody has accepted
	// yet, and how many may be. Of others: bytes received and not read, and bytes sent and not acknowledged.
	Waiting, Room uint32

	RTT, MinRTT   time.Duration // smoothed, and the least of the last minutes
	Sent, Resent  uint32        // segments in all, and those that were sent again because they were lost
	Unanswered    uint32        // segments that are not acknowledged
	Tries         uint8         // of the oldest of them, after the first
	Unheard       time.Duration // since the last acknowledgement
	UnheardAtPeer time.Duration // since data came in

	Inode uint32 // of the file that is the socket; 0: nobody has accepted it yet
}

// Sizes of inet_diag.h.
const (
	diagRequest = 56
	diagMessage = 72
	attrTCPInfo = 2 // INET_DIAG_INFO
	diagByProto = 20
)

// request asks for all sockets of a family that are in one of the states.
func request(family uint8) []byte {
	b := make([]byte, unix.SizeofNlMsghdr+diagRequest)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], diagByProto)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	r := b[unix.SizeofNlMsghdr:]
	r[0], r[1], r[2] = family, unix.IPPROTO_TCP, 1<<(attrTCPInfo-1)
	binary.NativeEndian.PutUint32(r[4:], 1<<Established|1<<SynSent|1<<FinWait1|1<<FinWait2|1<<CloseWait|1<<Listen)
	return b
}

var errShort = errors.New("vitals: a message of the kernel is cut short")

// Decode reads one datagram of a dump. done says that it was the last one.
func Decode(b []byte) (all []Socket, done bool, err error) {
	for len(b) > 0 {
		if len(b) < unix.SizeofNlMsghdr {
			return nil, false, errShort
		}
		n, kind := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return nil, false, errShort
		}
		body := b[unix.SizeofNlMsghdr:n]
		switch kind {
		case unix.NLMSG_DONE:
			return all, true, nil
		case unix.NLMSG_ERROR:
			return nil, false, refusal(body)
		case diagByProto:
			s, err := decodeSocket(body)
			if err != nil {
				return nil, false, err
			}
			all = append(all, s)
		}
		b = b[min(align(n), len(b)):]
	}
	return all, false, nil
}

func align(n int) int { return (n + 3) &^ 3 }

func refusal(body []byte) error {
	if len(body) < 4 {
		return errShort
	}
	return fmt.Errorf("vitals: the kernel refuses a dump of sockets: %w", unix.Errno(-int32(binary.NativeEndian.Uint32(body))))
}

func decodeSocket(b []byte) (Socket, error) {
	if len(b) < diagMessage {
		return Socket{}, errShort
	}
	s := Socket{State: State(b[1]), Waiting: binary.NativeEndian.Uint32(b[56:]), Room: binary.NativeEndian.Uint32(b[60:])}
	s.Inode = binary.NativeEndian.Uint32(b[68:])
	s.Local = addrPort(b[0], b[8:24], b[4:6])
	s.Remote = addrPort(b[0], b[24:40], b[6:8])
	return s, s.attributes(b[diagMessage:])
}

// addrPort reads an address of inet_diag_sockid: in network order, IPv4 in the first bytes.
func addrPort(family uint8, address, port []byte) netip.AddrPort {
	a := netip.AddrFrom4([4]byte(address))
	if family == unix.AF_INET6 {
		a = netip.AddrFrom16([16]byte(address)).Unmap()
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

func (s *Socket) attributes(b []byte) error {
	for len(b) >= unix.SizeofNlAttr {
		n, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if n < unix.SizeofNlAttr || n > len(b) {
			return errShort
		}
		if kind == attrTCPInfo {
			s.tcpInfo(b[unix.SizeofNlAttr:n])
		}
		b = b[min(align(n), len(b)):]
	}
	return nil
}

// tcpInfo reads struct tcp_info (linux/tcp.h) as far as it goes: it only ever grows, and an
// older kernel's is shorter.
func (s *Socket) tcpInfo(b []byte) {
	u32 := func(at int) uint32 {
		if len(b) < at+4 {
			return 0
		}
		return binary.NativeEndian.Uint32(b[at:])
	}
	if len(b) > 2 {
		s.Tries = b[2]
	}
	s.Unanswered = u32(24)
	s.UnheardAtPeer = time.Duration(u32(52)) * time.Millisecond
	s.Unheard = time.Duration(u32(56)) * time.Millisecond
	s.RTT = time.Duration(u32(68)) * time.Microsecond
	s.Resent = u32(100)
	s.Resent -= min(s.Resent, u32(216)) // the peer had them already: it was only late to say so
	s.Sent = u32(136)
	s.MinRTT = time.Duration(u32(148)) * time.Microsecond
}
