package netns

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// ListenUDP binds a UDP socket to a port on all addresses of the namespace, as Listen does
// for TCP. What it sends has the mark.
func (n *Namespace) ListenUDP(port uint16, mark int) (*net.UDPConn, error) {
	group, err := n.ListenUDPGroup(port, mark, 1)
	if err != nil {
		return nil, err
	}
	defer group[0].Close()
	c, err := net.FilePacketConn(group[0])
	if err != nil {
		return nil, &Error{Op: OpListen, Namespace: n.inode, Err: err}
	}
	return c.(*net.UDPConn), nil
}

// ListenUDPGroup binds several to the same port: the kernel hands each packet to one of them. The
// order is that in which it counts them. The first is alone on the port when it is bound, so
// that nobody else is in the group.
func (n *Namespace) ListenUDPGroup(port uint16, mark, count int) (group []*os.File, err error) {
	err = n.Do(func() error {
		family := unix.AF_INET6
		for len(group) < count {
			f, err := n.listenUDP(family, port, mark, count > 1 && len(group) == 0, len(group) > 0)
			switch {
			case err == nil:
				group = append(group, f)
			case errors.Is(err, unix.EAFNOSUPPORT) && family == unix.AF_INET6:
				family = unix.AF_INET
			default:
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, f := range group {
			f.Close()
		}
		return nil, err
	}
	return group, nil
}

func (n *Namespace) listenUDP(family int, port uint16, mark int, first, member bool) (*os.File, error) {
	s, err := n.newSocket(family, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	if family == unix.AF_INET6 {
		s.set("IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if mark != 0 {
		s.set("SO_MARK", unix.SOL_SOCKET, unix.SO_MARK, mark)
	}
	if member {
		s.set("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	s.bind(netip.AddrPortFrom(anyAddress(family), port))
	if first {
		s.set("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	return s.file("datagrams")
}
