// Package nonblock reads and writes sockets that do not block, without telling the
// scheduler.
//
// Go's own way announces every system call, so that another thread can take over should
// it last. On a socket in non-blocking mode it does not last; but a write of a batch takes
// some fifty microseconds of copying, which is long enough for the take-over to begin, on a
// cell with one processor every time: two threads then pass the work to and fro. Called
// here it is a piece of work like any other. What it costs others is that the garbage
// collector's pauses may wait for it, as long.
//
// The descriptor must be non-blocking, as all of package net are, and stay open
// (syscall.RawConn sees to that). EINTR is dealt with; EAGAIN is the caller's.
package nonblock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read is read(2).
func Read(fd int, p []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if e == 0 {
			return int(n), nil
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// Write is write(2).
func Write(fd int, p []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if e == 0 {
			return int(n), nil
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// Writev is writev(2). unix.Writev makes the vector anew for each call; here it is the
// caller's.
func Writev(fd int, v []unix.Iovec) (int, error) {
	for {
		n, _, e := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(v))), uintptr(len(v)))
		if e == 0 {
			return int(n), nil
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// ShutdownWrite is shutdown(2) of the sending side. It does not wait for the FIN to arrive.
func ShutdownWrite(fd int) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0); e != 0 {
		return e
	}
	return nil
}
