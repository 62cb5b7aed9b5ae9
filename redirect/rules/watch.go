package rules

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A Watcher hears of every change of the nftables rules of a namespace, whoever makes it:
// also of its own holder's. It says that something changed and not what, since Verify
// tells that better.
type Watcher struct {
	ns   *netns.Namespace
	file *os.File
}

// Watch begins to listen. Nothing is polled: an idle watcher costs a socket.
func Watch(n *netns.Namespace) (*Watcher, error) {
	w := &Watcher{ns: n}
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)}); err != nil {
			unix.Close(fd)
			return os.NewSyscallError("bind", err)
		}
		w.file = os.NewFile(uintptr(fd), "nftables changes")
		return nil
	})
	if err != nil {
		return nil, &Error{Step: StepWatch, Namespace: n.Inode(), Err: err}
	}
	return w, nil
}

// Next returns when something has changed since the last call, however much, or with an
// error when ctx ends. Only one goroutine may call it.
func (w *Watcher) Next(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { w.file.Close() })
	defer stop()
	raw, err := w.file.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Read(func(fd uintptr) (changed bool) {
			changed, failed = takeAll(int(fd))
			return changed
		})
		err = errors.Join(err, failed)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return &Error{Step: StepWatch, Namespace: w.ns.Inode(), Err: err}
	}
	return nil
}

// Close ends the watch. A Next that waits must have ended, or be ended by its ctx.
func (w *Watcher) Close() error {
	if err := w.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// takeAll throws away all that is queued and says whether there was anything. A queue that
// overflowed (ENOBUFS) was a change, too.
func takeAll(fd int) (any bool, err error) {
	var b [1 << 10]byte // messages are cut off, which is as good
	for {
		switch _, _, err := unix.Recvfrom(fd, b[:], 0); err {
		case nil, unix.ENOBUFS:
			any = true
		case unix.EINTR:
		case unix.EAGAIN:
			return any, nil
		default:
			return true, os.NewSyscallError("recvfrom", err)
		}
	}
}
