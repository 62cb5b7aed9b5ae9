package netns

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// New makes a fresh network namespace with lo up. It lives as long as its
// descriptor, a socket in it, or a process in it. Needs CAP_SYS_ADMIN.
func New() (*Namespace, error) {
	b := birth{done: make(chan struct{})}
	go b.run()
	<-b.done
	if b.err != nil {
		return nil, b.err
	}
	n, err := FromFile(b.file)
	if err != nil {
		return nil, err
	}
	if err := n.Do(loopbackUp); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// A birth is the making of one namespace on a thread of its own.
type birth struct {
	file *os.File
	err  error
	done chan struct{}
}

func (b *birth) run() {
	defer close(b.done)
	if own().file == nil {
		b.err = &Error{Op: OpOpen, Namespace: "own", Err: os.ErrNotExist}
		return
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		b.err = &Error{Op: OpEnter, Namespace: "new", Err: err}
		runtime.UnlockOSThread()
		return
	}
	b.file, b.err = os.Open("/proc/thread-self/ns/net")
	if err := leave(); err != nil {
		return // still locked: the thread dies with this goroutine
	}
	runtime.UnlockOSThread()
}

// loopbackUp brings lo up by ioctl: a netlink library here would be linked into
// every cell.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return &Error{Op: OpSocket, Namespace: "new", Err: err}
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return &Error{Op: OpOption, Namespace: "new", Subject: "lo", Err: err}
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return &Error{Op: OpOption, Namespace: "new", Subject: "lo up", Err: err}
	}
	return nil
}
