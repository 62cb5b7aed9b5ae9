package attack

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// listeners does to the listening sockets what ends or spoils them for all who hold them.
func (t *thief) listeners() {
	if t.keeper == nil {
		return
	}
	ways := []struct {
		kind string
		do   func(fd int) error
	}{
		{"listener: attach a filter", attachFilter},
		{"listener: lock its filter", func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1) }},
		{"listener: a backlog of none", func(fd int) error { return unix.Listen(fd, 0) }},
		{"listener: make it block", func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0); return err }},
		{"listener: signals to another", func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_SETOWN, 1); return err }},
		{"listener: shut down reading", func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) }},
		{"listener: shut down both", func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }},
		{"listener: connect to nothing", disconnect},
	}
	for _, way := range ways {
		for _, name := range t.Group {
			f := t.keeper.file(name, cell.FileOutbound)
			if f == nil {
				continue // custody: cell
			}
			t.try(way.kind, name, func() error { return onDescriptor(f, way.do) })
		}
	}
}

// onDescriptor leaves the socket as it is: File.Fd would make it block, for all.
func onDescriptor(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var outcome error
	err = raw.Control(func(fd uintptr) { outcome = do(int(fd)) })
	return errors.Join(err, outcome)
}

func attachFilter(fd int) error {
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
}

// disconnect is connect to AF_UNSPEC, which takes a socket's peer away, and of a listener
// that it listens. It succeeded only when the listener does not listen any more.
func disconnect(fd int) error {
	var nothing unix.RawSockaddr // AF_UNSPEC is 0
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&nothing)), unsafe.Sizeof(nothing))
	if e != 0 {
		return e
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err == nil && listens == 1 {
		err = errors.New("it still listens")
	}
	return err
}
