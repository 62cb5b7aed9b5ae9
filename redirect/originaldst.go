package redirect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// Socket options of the kernel's NAT (linux/netfilter_ipv4.h and
// linux/netfilter_ipv6/ip6_tables.h); x/sys has no names for them.
const (
	soOriginalDst   = 80 // SO_ORIGINAL_DST, level IPPROTO_IP
	ip6tOriginalDst = 80 // IP6T_SO_ORIGINAL_DST, level IPPROTO_IPV6
)

// OriginalDst returns the address that the client of an accepted connection
// dialled, before the rules redirected it. A connection that was not redirected
// has its local address as original destination: the caller then sees one of
// its own ports (Ports.Contains) and refuses. IPv4 comes back unmapped even
// from a dual stack listener.
func OriginalDst(c *net.TCPConn) (netip.AddrPort, error) {
	local, err := localAddr(c)
	if err != nil {
		return netip.AddrPort{}, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("original destination: %w", err)
	}
	var dst netip.AddrPort
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		if local.Addr().Is4() {
			dst, sockErr = originalDst4(int(fd))
		} else {
			dst, sockErr = originalDst6(int(fd))
		}
	})
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("original destination: %w", err)
	}
	if notRedirected(sockErr) {
		return local, nil
	}
	if sockErr != nil {
		return netip.AddrPort{}, fmt.Errorf("original destination: %w", sockErr)
	}
	return dst, nil
}

// notRedirected tells "conntrack has no such connection" and "no NAT in this
// namespace" from a real failure.
func notRedirected(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOPROTOOPT)
}

func localAddr(c *net.TCPConn) (netip.AddrPort, error) {
	a, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("original destination: connection has no local TCP address: %v", c.LocalAddr())
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

// originalDst4 reads a sockaddr_in of 16 bytes through the 20 byte ip_mreqn of
// x/sys: the kernel writes what fits, and no unsafe is needed here.
func originalDst4(fd int) (netip.AddrPort, error) {
	m, err := unix.GetsockoptIPv6Mreq(fd, unix.IPPROTO_IP, soOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := binary.BigEndian.Uint16(m.Multiaddr[2:4])
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Multiaddr[4:8])), port), nil
}

// originalDst6 reads a sockaddr_in6, which is the head of ip6_mtuinfo.
func originalDst6(fd int) (netip.AddrPort, error) {
	m, err := unix.GetsockoptIPv6MTUInfo(fd, unix.IPPROTO_IPV6, ip6tOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addr := netip.AddrFrom16(m.Addr.Addr).Unmap()
	if addr.IsLinkLocalUnicast() && m.Addr.Scope_id != 0 {
		addr = addr.WithZone(strconv.FormatUint(uint64(m.Addr.Scope_id), 10))
	}
	return netip.AddrPortFrom(addr, networkOrder(m.Addr.Port)), nil
}

// networkOrder undoes what reading a big endian field as a native integer did.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], v)
	return binary.BigEndian.Uint16(b[:])
}
