package vitals

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Namespace is where sockets are; *netns.Namespace is one.
type Namespace interface {
	// Do runs fn in the namespace.
	Do(fn func() error) error
}

// datagram is the kernel's for one piece of a dump (NLMSG_GOODSIZE, doubled at need).
const datagram = 64 << 10

// Sockets are the TCP sockets of a namespace that listen, connect or are connected, if only by one end.
func Sockets(ns Namespace) (all []Socket, err error) {
	fd := -1
	err = ns.Do(func() (err error) { // the socket keeps the namespace that it was born in
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vitals: sockets of a pod: %w", err)
	}
	defer unix.Close(fd)
	b := make([]byte, datagram)
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := dump(fd, family, b)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func dump(fd int, family uint8, b []byte) (all []Socket, err error) {
	if err := unix.Sendto(fd, request(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("vitals: ask for sockets: %w", err)
	}
	for {
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("vitals: read sockets: %w", err)
		}
		some, done, err := Decode(b[:n])
		all = append(all, some...)
		if done || err != nil {
			return all, err
		}
	}
}

// Addresses are those of a namespace that others can reach.
func Addresses(ns Namespace) (all []netip.Addr, err error) {
	err = ns.Do(func() error {
		found, err := net.InterfaceAddrs()
		if err != nil {
			return err
		}
		for _, a := range found {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().IsGlobalUnicast() {
				all = append(all, p.Addr().Unmap())
			}
		}
		return nil
	})
	return all, err
}
