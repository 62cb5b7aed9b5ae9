package netns

import (
	"encoding/binary"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A socket is a TCP or UDP socket under construction. Its first error stays and makes
// the later steps do nothing; file reports it and then closes the descriptor.
type socket struct {
	ns     *Namespace
	fd     int
	family int
	err    error
}

// newSocket must run inside the namespace; the later steps may run anywhere.
func (n *Namespace) newSocket(family, kind int) (*socket, error) {
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, &Error{Op: OpSocket, Namespace: n.inode, Err: err}
	}
	return &socket{ns: n, fd: fd, family: family}, nil
}

func (s *socket) fail(op Op, subject string, err error) {
	if err != nil {
		s.err = &Error{Op: op, Namespace: s.ns.inode, Subject: subject, Err: err}
	}
}

func (s *socket) set(name string, level, option, value int) {
	if s.err == nil {
		s.fail(OpOption, name, unix.SetsockoptInt(s.fd, level, option, value))
	}
}

// setTransparent allows addresses that are not local. Both options set the same
// bit of the socket; each is accepted on its own family only.
func (s *socket) setTransparent() {
	if s.family == unix.AF_INET6 {
		s.set("IPV6_TRANSPARENT", unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, 1)
		return
	}
	s.set("IP_TRANSPARENT", unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1)
}

func (s *socket) bind(a netip.AddrPort) {
	if s.err != nil {
		return
	}
	if err := unix.Bind(s.fd, sockaddr(a)); err != nil {
		s.fail(OpBind, a.String(), err)
	}
}

func (s *socket) listen(backlog int) {
	if backlog <= 0 {
		backlog = defaultBacklog
	}
	if s.err == nil {
		s.fail(OpListen, "", unix.Listen(s.fd, backlog))
	}
}

// connect starts the handshake, which goes on in the background.
func (s *socket) connect(a netip.AddrPort) {
	if s.err != nil {
		return
	}
	// EINTR: a non-blocking connect that a signal interrupted goes on as well.
	if err := connect(s.fd, a); err != nil && err != unix.EINPROGRESS && err != unix.EINTR {
		s.fail(OpConnect, a.String(), err)
	}
}

// connect is connect(2) on a socket that does not block, without telling the scheduler, as
// unix.Connect does: to an address inside the pod the whole handshake happens in this call,
// long enough for another thread to take over, and too short to be worth it.
func connect(fd int, a netip.AddrPort) error {
	var p unsafe.Pointer
	var size uintptr
	if a.Addr().Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(a.Port()), Addr: a.Addr().As4()}
		p, size = unsafe.Pointer(&sa), unsafe.Sizeof(sa)
	} else {
		sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(a.Port()), Addr: a.Addr().As16(), Scope_id: zoneID(a.Addr().Zone())}
		p, size = unsafe.Pointer(&sa), unsafe.Sizeof(sa)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(p), size); e != 0 {
		return e
	}
	return nil
}

// networkOrder is htons(3).
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

func (s *socket) close() {
	if s != nil {
		unix.Close(s.fd)
	}
}

// file hands the descriptor over, registered with the runtime poller.
func (s *socket) file(name string) (*os.File, error) {
	if s.err != nil {
		s.close()
		return nil, s.err
	}
	return os.NewFile(uintptr(s.fd), name), nil
}
