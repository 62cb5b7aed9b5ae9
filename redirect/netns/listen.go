package netns

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// ListenOptions say how Listen listens.
type ListenOptions struct {
	Port uint16
	// Transparent lets the listener take connections to addresses that are not
	// local, as TPROXY sends them; it needs CAP_NET_RAW. Never set it on a listener
	// that connections are redirected to: when a client uses one source port for
	// two destinations that are redirected to one, the kernel changes the port of
	// the second, but gives it to the socket of the first if that is transparent
	// (nf_nat_ipv4_local_in), and the second connection hangs.
	Transparent bool
	Tuning      Tuning // of what is accepted, as far as it is inherited: Apply does the rest
	Backlog     int    // zero or less: 4096; the kernel caps it at net.core.somaxconn
}

const defaultBacklog = 4096

// Listen listens on all addresses of the namespace, IPv4 and IPv6 on one
// socket; on IPv4 alone where the kernel has no IPv6. The listener is the
// caller's to close.
//
// SO_REUSEADDR is set, so that a restarted proxy can listen beside the
// TIME_WAIT sockets of its predecessor. SO_REUSEPORT is not, although it would
// let two processes overlap: the kernel spreads SYNs over both sockets, and
// closing one resets the connections that wait in its backlog. A socket is
// handed over by passing its descriptor.
func (n *Namespace) Listen(o ListenOptions) (*net.TCPListener, error) {
	var f *os.File
	err := n.Do(func() (err error) {
		f, err = n.listen(unix.AF_INET6, o)
		if errors.Is(err, unix.EAFNOSUPPORT) {
			f, err = n.listen(unix.AF_INET, o)
		}
		return err
	})
	if err != nil {
		f.Close() // of nil it does nothing
		return nil, err
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, &Error{Op: OpListen, Namespace: n.inode, Err: err}
	}
	return l.(*net.TCPListener), nil
}

func (n *Namespace) listen(family int, o ListenOptions) (*os.File, error) {
	s, err := n.newSocket(family, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	s.set("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if family == unix.AF_INET6 {
		s.set("IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if o.Transparent {
		s.setTransparent()
	}
	if s.err == nil {
		o.Tuning.set(s.fd)
	}
	s.bind(netip.AddrPortFrom(anyAddress(family), o.Port))
	s.listen(o.Backlog)
	return s.file("listener")
}

func anyAddress(family int) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
