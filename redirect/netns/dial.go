package netns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// DialOptions say how Dial dials.
type DialOptions struct {
	Remote      netip.AddrPort
	Source      netip.Addr // zero: the kernel picks
	Transparent bool       // Source need not be local; needs CAP_NET_RAW
	Mark        int        // SO_MARK, none when zero; needs CAP_NET_RAW
	Tuning      Tuning     // zero: Local
	// Begun is called, unless it is nil or something failed, when all that is left is to
	// wait for the remote end.
	Begun func()
}

// Dial connects from the namespace. When ctx ends first, its error comes back
// and nothing is left behind. The connection is the caller's to close.
func (n *Namespace) Dial(ctx context.Context, o DialOptions) (*net.TCPConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, n.connectError(o, err)
	}
	o.Remote = netip.AddrPortFrom(o.Remote.Addr().Unmap(), o.Remote.Port())
	o.Source = o.Source.Unmap()
	if err := o.check(); err != nil {
		return nil, n.connectError(o, err)
	}
	var s *socket
	err := n.Do(func() (err error) {
		s, err = n.newSocket(family(o.Remote.Addr()), unix.SOCK_STREAM)
		return err
	})
	if err != nil {
		s.close() // the thread could not leave, but the socket is there
		return nil, err
	}
	f, err := s.dial(o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if o.Begun != nil {
		o.Begun()
	}
	if err := waitConnected(ctx, f); err != nil {
		return nil, n.connectError(o, err)
	}
	return n.tcpConn(f, o)
}

// check refuses what the kernel would take for something else: connect to the
// unspecified address means the local host.
func (o DialOptions) check() error {
	switch {
	case !o.Remote.IsValid() || o.Remote.Addr().IsUnspecified():
		return &net.AddrError{Err: "no remote address", Addr: o.Remote.String()}
	case o.Source.IsValid() && o.Source.Is4() != o.Remote.Addr().Is4():
		return &net.AddrError{Err: "source is of the other address family", Addr: o.Source.String()}
	}
	return nil
}

func (s *socket) dial(o DialOptions) (*os.File, error) {
	if o.Mark != 0 {
		s.set("SO_MARK", unix.SOL_SOCKET, unix.SO_MARK, o.Mark)
	}
	if o.Transparent {
		s.setTransparent()
	}
	if s.err == nil {
		o.Tuning.set(s.fd)
	}
	if o.Source.IsValid() {
		// The port is picked at connect, when the remote is known: picked at
		// bind, it would be taken from every other remote as well.
		s.set("IP_BIND_ADDRESS_NO_PORT", unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		s.bind(netip.AddrPortFrom(o.Source, 0))
	}
	s.connect(o.Remote)
	return s.file("connection")
}

func (n *Namespace) tcpConn(f *os.File, o DialOptions) (*net.TCPConn, error) {
	c, err := net.FileConn(f) // a duplicate; sets TCP_NODELAY
	if err != nil {
		return nil, n.connectError(o, err)
	}
	tc := c.(*net.TCPConn)
	control(tc, o.Tuning.setKeepAlive)
	return tc, nil
}

func (n *Namespace) connectError(o DialOptions, err error) error {
	return &Error{Op: OpConnect, Namespace: n.inode, Subject: o.Remote.String(), Err: err}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zoneID(a.Addr().Zone())}
}

// zoneID takes numeric zones, which OriginalDst makes. Interface names would
// have to be looked up inside the namespace, and no caller has any.
func zoneID(zone string) uint32 {
	id, err := strconv.ParseUint(zone, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(id)
}
