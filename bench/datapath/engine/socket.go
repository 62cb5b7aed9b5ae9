package engine

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// again is what a socket says that has nothing, or no room, for now.
const again = unix.EAGAIN

// read and write are single system calls on sockets that do not block.
func read(fd int, b []byte) (int, unix.Errno) {
	n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), err
}

// write does not raise SIGPIPE: the peer may have gone.
func write(fd int, b []byte) (int, unix.Errno) {
	n, _, err := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), err
}

// address is a socket address in the kernel's form, made once.
type address unix.RawSockaddrInet4

func addressOf(a netip.AddrPort) (*address, error) {
	if !a.Addr().Is4() {
		return nil, fmt.Errorf("%v is no IPv4 address with a port", a)
	}
	return &address{Family: unix.AF_INET, Port: a.Port()<<8 | a.Port()>>8, Addr: a.Addr().As4()}, nil
}

// connect begins a connection; it is there when the socket is writable.
func connect(to *address) (fd int, err error) {
	fd, err = newSocket()
	if err != nil {
		return -1, err
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
	if errno != 0 && errno != unix.EINPROGRESS {
		unix.Close(fd)
		return -1, errno
	}
	return fd, nil
}

// connected is what came of it.
func connected(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	return err
}

func newSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// backlog is above what a burst of new connections fills.
const backlog = 8192

func listen(at netip.AddrPort) (int, error) {
	if !at.Addr().Is4() {
		return -1, fmt.Errorf("%v is no IPv4 address with a port", at)
	}
	fd, err := newSocket() // accepted ones inherit TCP_NODELAY
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("listen on %v: %w", at, err)
	}
	return fd, nil
}

// accept returns EAGAIN when nobody waits.
func accept(fd int) (int, unix.Errno) {
	n, _, err := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(n), err
}

// allow lets the process have so many descriptors, as far as its own limit goes.
func allow(files int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	want := uint64(files) + 64 // its own
	if l.Cur >= want {
		return nil
	}
	l.Cur, l.Max = want, max(l.Max, want)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("%d descriptors are needed, and this process may not have them: %w", want, err)
	}
	return nil
}
