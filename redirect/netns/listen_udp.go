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
	var f *os.File
	err := n.Do(func() (err error) {
		f, err = n.listenUDP(unix.AF_INET6, port, mark)
		if errors.Is(err, unix.EAFNOSUPPORT) {
			f, err = n.listenUDP(unix.AF_INET, port, mark)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		return nil, &Error{Op: OpListen, Namespace: n.inode, Err: err}
	}
	return c.(*net.UDPConn), nil
}

func (n *Namespace) listenUDP(family int, port uint16, mark int) (*os.File, error) {
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
	s.bind(netip.AddrPortFrom(anyAddress(family), port))
	return s.file("datagrams")
}
