package engine

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poll is an epoll. All its sockets are level-triggered: one read that came up short needs
// no second one to know that there is no more, and no end of input is lost by leaving that
// second one out.
type poll struct {
	fd     int
	events [256]unix.EpollEvent
}

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &poll{fd: fd}, err
}

func (p *poll) close() { unix.Close(p.fd) }

const (
	readable = unix.EPOLLIN
	writable = unix.EPOLLOUT
)

// add watches fd; key comes back with its events.
func (p *poll) add(fd, key int, what uint32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: what, Fd: int32(key)})
}

func (p *poll) modify(fd, key int, what uint32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: what, Fd: int32(key)})
}

// longest is how long a wait takes at most: then a loop looks whether it shall end.
const longest = 100 * time.Millisecond

// wait returns what happened, at most so many nanoseconds later. A signal ends it early.
func (p *poll) wait(most time.Duration) ([]unix.EpollEvent, error) {
	ts := unix.NsecToTimespec(int64(max(0, min(most, longest))))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == unix.EINTR {
		return nil, nil
	}
	if errno != 0 {
		return nil, errno
	}
	return p.events[:n], nil
}
