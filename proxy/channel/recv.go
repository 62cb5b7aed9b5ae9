package channel

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Recv returns the next packet and its descriptors, close-on-exec. io.EOF says that
// no process holds the other end any more.
func (c *Conn) Recv() (b []byte, files []*os.File, err error) {
	b, fds, err := c.RecvFDs()
	for _, fd := range fds {
		files = append(files, os.NewFile(uintptr(fd), "received"))
	}
	return b, files, err
}

// RecvFDs is Recv for bare descriptors. A process that only holds descriptors wants
// these: os.NewFile has the poller watch a non-blocking one, and whoever watches a
// listening socket is woken by each of its connections.
func (c *Conn) RecvFDs() (b []byte, fds []int, err error) {
	var recvErr error
	if err := c.raw.Read(func(fd uintptr) bool {
		b, fds, recvErr = receive(int(fd))
		return recvErr != unix.EAGAIN
	}); err != nil {
		return nil, nil, c.failure("recv", err)
	}
	switch recvErr.(type) {
	case nil:
		return b, fds, nil
	case unix.Errno:
		if recvErr == unix.ECONNRESET { // the peer left with packets of ours unread
			return nil, nil, io.EOF
		}
		return nil, nil, c.failure("recv", os.NewSyscallError("recvmsg", recvErr))
	}
	return nil, nil, recvErr
}

// receive asks for the packet's size before it makes room for it: a buffer for the
// largest packet would cost every cell 64 KiB for messages of a hundred bytes.
func receive(fd int) ([]byte, []int, error) {
	size, err := peek(fd)
	if err != nil {
		return nil, nil, err
	}
	if size == 0 {
		return nil, nil, io.EOF
	}
	b := make([]byte, min(size, MaxPacket))
	oob := make([]byte, unix.CmsgSpace(MaxFiles*4))
	n, oobn, flags, err := recvmsg(fd, b, oob)
	if err != nil {
		return nil, nil, err
	}
	fds := rights(oob[:oobn])
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || n != size {
		CloseFDs(fds)
		return nil, nil, &TruncatedError{Bytes: size, Files: flags&unix.MSG_CTRUNC != 0}
	}
	return b[:n], fds, nil
}

// peek is the size of the next packet, 0 at the end. MSG_TRUNC makes recv report
// the real size; without a control buffer no descriptor is installed.
func peek(fd int) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, nil, unix.MSG_PEEK|unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func recvmsg(fd int, b, oob []byte) (n, oobn, flags int, err error) {
	for {
		n, oobn, flags, _, err = unix.Recvmsg(fd, b, oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return n, oobn, flags, err
		}
	}
}

// rights are the descriptors of a control buffer. The kernel wrote it, so a parse
// error can only mean a truncated end: what came before is still found.
func rights(oob []byte) []int {
	var fds []int
	for len(oob) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return fds
		}
		got, err := unix.ParseUnixRights(&unix.SocketControlMessage{Header: header, Data: data})
		if err == nil {
			fds = append(fds, got...)
		}
		oob = rest
	}
	return fds
}

// CloseFDs closes descriptors of RecvFDs.
func CloseFDs(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
