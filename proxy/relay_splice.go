package proxy

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// spliceSize is what one splice moves at most, and the size asked for the pipe.
const spliceSize = 256 << 10

// moveSpliced moves bytes between two sockets inside the kernel, through a pipe
// (splice(2)). io.Copy between two TCP connections does the same, but returns
// only at EOF, or at a number of bytes fixed beforehand: the counts of an open
// connection would stand still. A pipe is made only for bulk transfers: it costs
// two descriptors, and the kernel allows an ordinary user about a thousand of
// full size.
func moveSpliced(from, to half, src, dst *tcpLeg, n *Count) error {
	if !src.account.Take(spliceSize) { // what a pipe holds is buffered too
		_, err := moveBuffered(from, to, src, n, false)
		return err
	}
	defer src.account.Give(spliceSize)
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		// No descriptor to spare is no reason to break a connection that works.
		_, err := moveBuffered(from, to, src, n, false)
		return err
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	_, _ = unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, spliceSize) // fewer will do
	for {
		m, err := src.read(func(fd int) (int, error) { return splice(fd, p[1], spliceSize) })
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return from.failed("read", err)
		}
		for m > 0 {
			w, err := dst.spliceOut(p[0], m)
			if err != nil {
				return to.failed("write", err)
			}
			n.Add(int64(w))
			m -= w
		}
	}
}

// splice moves up to n bytes; the pipe is empty before each fill, so EAGAIN is
// always the socket's.
func splice(from, to, n int) (int, error) {
	m, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	return int(m), err
}

// spliceOut moves up to n bytes from a pipe into the socket.
func (l *tcpLeg) spliceOut(pipe, n int) (m int, err error) {
	rawErr := l.raw.Write(func(fd uintptr) bool {
		for {
			if m, err = splice(pipe, int(fd), n); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if rawErr != nil {
		return 0, rawErr
	}
	return m, os.NewSyscallError("splice", err)
}
