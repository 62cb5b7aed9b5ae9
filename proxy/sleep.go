package proxy

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Most connections are idle most of the time, and one that waits in package net keeps a
// goroutine with 4 KiB of stack for it. So a leg that nothing was read from for a while
// falls asleep: its goroutine ends, its descriptor goes into an epoll of ours, and when
// something comes a goroutine goes on where the other one stopped. While there are bytes
// nothing of this costs more than one store for each read; to wait in our own epoll from
// the start would cost a system call more for each.

// errAsleep is what reading a leg returns that is to fall asleep.
var errAsleep = errors.New("asleep")

const (
	lookEvery    = time.Second // a leg that nothing was read from between two looks falls asleep
	eventsAtOnce = 128
)

// bed is where the legs of this process sleep. Its epoll, and the goroutine that waits for
// that in package net's own, are there while somebody sleeps; the look while somebody is
// awake.
var bed = &dormitory{}

type dormitory struct {
	mu      sync.Mutex
	awake   map[*tcpLeg]struct{} // legs that are being read
	looking bool
	asleep  map[int32]*tcpLeg // by descriptor
	epoll   *os.File
	raw     syscall.RawConn
}

// sleeper is a leg's part, guarded by dormitory.mu.
type sleeper struct {
	told  bool   // to fall asleep
	again func() // asleep: what goes on
}

// rise is called before a leg is read in a way that can fall asleep, and lie after.
func (d *dormitory) rise(l *tcpLeg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.awake == nil {
		d.awake = make(map[*tcpLeg]struct{})
	}
	d.awake[l] = struct{}{}
	l.busy.Store(true) // it has until the look after the next
	if !d.looking {
		d.looking = true
		time.AfterFunc(lookEvery, d.look)
	}
}

// lie reports whether the leg was told to fall asleep, and makes it readable again.
func (d *dormitory) lie(l *tcpLeg) (told bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.awake, l)
	told = l.sleeper.told
	l.sleeper = sleeper{}
	if told {
		_ = l.c.SetReadDeadline(time.Time{})
	}
	return told
}

// look tells those to fall asleep that nothing was read from since the last one.
func (d *dormitory) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.awake {
		if !l.busy.Swap(false) && !l.sleeper.told {
			l.sleeper.told = true
			_ = l.c.SetReadDeadline(time.Unix(1, 0))
		}
	}
	if d.looking = len(d.awake) > 0; !d.looking {
		d.awake = nil // a map does not shrink
	} else {
		time.AfterFunc(lookEvery, d.look)
	}
}

// stir keeps a leg awake. It looks before it stores: a line of cache that nobody else has
// written stays where it is.
func (l *tcpLeg) stir() {
	if !l.busy.Load() {
		l.busy.Store(true)
	}
}

// sleep lets again run on a goroutine once there is something to read, or the leg is
// closed. It fails, and runs it at once, where there is no descriptor for an epoll.
func (l *tcpLeg) sleep(again func()) {
	if !bed.take(l, again) {
		go again()
	}
}

func (d *dormitory) take(l *tcpLeg, again func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.closed || !d.open() {
		return false
	}
	ok := false // else the epoll that open has made waits for the next one
	_ = l.raw.Control(func(fd uintptr) {
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
		_ = d.raw.Control(func(epoll uintptr) {
			ok = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(fd), &e) == nil
		})
		if ok {
			l.fd, l.sleeper.again = int32(fd), again
			d.asleep[l.fd] = l
		}
	})
	return ok
}

// open makes the epoll at the first sleeper. The caller holds mu.
func (d *dormitory) open() bool {
	if d.epoll != nil {
		return true
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	// An epoll is pollable itself: waiting for it takes no thread.
	_ = unix.SetNonblock(fd, true)
	f := os.NewFile(uintptr(fd), "sleeping legs")
	raw, err := f.SyscallConn()
	if err != nil || f.SetDeadline(time.Time{}) != nil { // not pollable after all
		f.Close()
		return false
	}
	d.epoll, d.raw, d.asleep = f, raw, make(map[int32]*tcpLeg)
	go d.wait(raw)
	return true
}

// wait wakes those that something has come for, until the epoll is closed.
func (d *dormitory) wait(raw syscall.RawConn) {
	var events [eventsAtOnce]unix.EpollEvent
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events[:], 0)
			return n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			d.wake(e.Fd)
		}
	}
}

// wake lets the leg of a descriptor go on. One that was closed meanwhile has gone on
// already; one that has its number now only reads in vain.
func (d *dormitory) wake(fd int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.asleep[fd]; l != nil {
		d.rouse(l)
	}
}

// rouse takes a leg out and lets it go on. The caller holds mu.
func (d *dormitory) rouse(l *tcpLeg) {
	delete(d.asleep, l.fd)
	again := l.sleeper.again
	l.sleeper = sleeper{}
	_ = l.raw.Control(func(fd uintptr) { // of a closed one the kernel has done it
		_ = d.raw.Control(func(epoll uintptr) { _ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_DEL, int(fd), nil) })
	})
	if len(d.asleep) == 0 {
		d.epoll.Close()
		d.epoll, d.raw = nil, nil
	}
	go again()
}

// close wakes a leg that sleeps, before its descriptor is gone.
func (d *dormitory) close(l *tcpLeg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.closed = true
	delete(d.awake, l)
	if l.sleeper.again != nil {
		d.rouse(l)
	}
}
