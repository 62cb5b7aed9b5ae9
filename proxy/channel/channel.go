package channel

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxPacket is the size of the largest packet in bytes. A socket's default
	// buffer (net.core.wmem_default, 208 KiB) holds at least two of them.
	MaxPacket = 64 << 10
	// MaxFiles is how many descriptors one packet may carry. The kernel's own
	// limit (SCM_MAX_FD) is 253.
	MaxFiles = 16
)

// defaultSendTimeout is a peer that is stuck, not one that is slow.
const defaultSendTimeout = 10 * time.Second

// Conn is one end of a channel.
type Conn struct {
	file    *os.File
	raw     syscall.RawConn
	closed  atomic.Bool
	timeout atomic.Int64 // of Send, in ns

	in  receiver
	out sender
}

// Pair makes both ends of a channel, close-on-exec and non-blocking.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("channel: socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel"), nil
}

// New makes a Conn of one end and takes f over, also when it fails: f is closed.
func New(f *os.File) (*Conn, error) {
	defer f.Close()
	fd, err := duplicate(f)
	if err != nil {
		return nil, fmt.Errorf("channel: %w", err)
	}
	c, err := newConn(fd)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("channel: %w", err)
	}
	return c, nil
}

// newConn takes over fd unless it fails.
//
// The descriptor must be non-blocking before os.NewFile sees it: only then does the
// runtime's poller watch it, and a blocked Recv costs a goroutine, not a thread.
func newConn(fd int) (*Conn, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	if kind != unix.SOCK_SEQPACKET {
		return nil, fmt.Errorf("socket type %d is not SOCK_SEQPACKET", kind)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "channel")
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &Conn{file: f, raw: raw}
	c.in.try, c.out.try = c.in.receive, c.out.send
	c.timeout.Store(int64(defaultSendTimeout))
	return c, nil
}

// duplicate is F_DUPFD_CLOEXEC without File.Fd (see the package doc). New works on
// a copy because an *os.File that was once blocking never enters the poller.
func duplicate(f *os.File) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(from uintptr) {
		fd, dupErr = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 3)
	}); err != nil {
		return -1, err
	}
	return fd, os.NewSyscallError("fcntl", dupErr)
}

// SetSendTimeout bounds how long a Send waits for a peer that does not read. The
// default is 10 s; d <= 0 sets it back to that.
func (c *Conn) SetSendTimeout(d time.Duration) {
	if d <= 0 {
		d = defaultSendTimeout
	}
	c.timeout.Store(int64(d))
}

// SetRecvDeadline ends Recv calls that wait longer than t with a *TimeoutError; the
// zero time takes the deadline away.
func (c *Conn) SetRecvDeadline(t time.Time) error {
	if err := c.file.SetReadDeadline(t); err != nil {
		return c.failure("deadline", err)
	}
	return nil
}

// PeerCred is who made the other end. For a socket pair that is the process that
// called Pair, not the one that has inherited the end since.
func (c *Conn) PeerCred() (*unix.Ucred, error) {
	var cred *unix.Ucred
	var credErr error
	if err := c.raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return nil, c.failure("peer", err)
	}
	if credErr != nil {
		return nil, c.failure("peer", os.NewSyscallError("getsockopt", credErr))
	}
	return cred, nil
}

// Close ends waiting Send and Recv calls and closes the descriptor.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return os.ErrClosed
	}
	return c.file.Close()
}
