package admin

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// reserve is how many descriptors are kept from the process for whoever asks it what is
// wrong: one that is out of them would be silent just then. Each question needs one.
const reserve = 64

// Reserve keeps them: it lowers what the process may have, as the whole of it. Serve takes
// them one by one, and only to accept.
func Reserve() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reserve descriptors: %w", err)
	}
	if limit.Max < 4*reserve {
		return nil // too few for that
	}
	limit.Cur = min(limit.Cur, limit.Max-reserve)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reserve descriptors: %w", err)
	}
	return nil
}

// reserved accepts also when the process is out of descriptors.
type reserved struct{ *net.UnixListener }

// Accept takes as little of the reserve as it needs, and for no longer than that: whoever
// leaks descriptors in this process takes what is there.
func (l reserved) Accept() (net.Conn, error) {
	c, err := l.UnixListener.Accept()
	if !errors.Is(err, unix.EMFILE) {
		return c, err
	}
	if err := l.await(); err != nil { // the kernel says that there is no descriptor before it looks for somebody to accept
		return nil, err
	}
	var usual unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &usual) != nil {
		return nil, err
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &usual) }() // to lower it is always allowed
	for more := uint64(1); more <= reserve && usual.Cur+more <= usual.Max && errors.Is(err, unix.EMFILE); more *= 2 {
		limit := unix.Rlimit{Cur: usual.Cur + more, Max: usual.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
			return nil, err
		}
		c, err = l.UnixListener.Accept()
	}
	return c, err
}

// await returns when somebody waits at the door. Go's poller does not say that of a listener, so
// this looks, and lets go in between: Close has to get in.
func (l reserved) await() error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	for there := false; !there; {
		if err := raw.Control(func(fd uintptr) {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, awaitAtOnce)
			there = n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		}); err != nil {
			return err
		}
	}
	return nil
}

// awaitAtOnce is in milliseconds.
const awaitAtOnce = 100
