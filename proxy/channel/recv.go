package channel

import (
	"io"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver is one RecvFDs under way. It is part of the Conn, and try is made once, so
// that a packet costs no garbage: an idle cell gets one a second, for months.
type receiver struct {
	mu  sync.Mutex
	try func(fd uintptr) bool // receive
	buf []byte                // the caller's
	b   []byte
	fds []int
	err error
	oob []byte
	iov unix.Iovec
	msg unix.Msghdr
}

// Recv returns the next packet and its descriptors, close-on-exec. io.EOF says that
// no process holds the other end any more.
func (c *Conn) Recv() (b []byte, files []*os.File, err error) { return c.RecvInto(nil) }

// RecvInto is Recv into a buffer of the caller's, where the packet fits.
func (c *Conn) RecvInto(buf []byte) (b []byte, files []*os.File, err error) {
	b, fds, err := c.recv(buf)
	for _, fd := range fds {
		files = append(files, os.NewFile(uintptr(fd), "received"))
	}
	return b, files, err
}

// RecvFDs is Recv for bare descriptors. A process that only holds descriptors wants
// these: os.NewFile has the poller watch a non-blocking one, and whoever watches a
// listening socket is woken by each of its connections.
func (c *Conn) RecvFDs() (b []byte, fds []int, err error) { return c.recv(nil) }

func (c *Conn) recv(buf []byte) ([]byte, []int, error) {
	in := &c.in
	in.mu.Lock()
	defer in.mu.Unlock()
	in.buf = buf
	err := c.raw.Read(in.try)
	b, fds, recvErr := in.b, in.fds, in.err
	in.buf, in.b, in.fds, in.err = nil, nil, nil, nil
	if err != nil {
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

func (in *receiver) receive(fd uintptr) bool {
	in.b, in.fds, in.err = in.packet(int(fd))
	return in.err != unix.EAGAIN
}

// packet asks for the packet's size before it makes room for it: a buffer for the
// largest packet would cost every cell 64 KiB for messages of a hundred bytes.
func (in *receiver) packet(fd int) ([]byte, []int, error) {
	size, err := peek(fd)
	if err != nil {
		return nil, nil, err
	}
	if size == 0 {
		return nil, nil, io.EOF
	}
	b := in.buf
	if size > len(b) {
		b = make([]byte, min(size, MaxPacket))
	}
	if in.oob == nil {
		in.oob = make([]byte, unix.CmsgSpace(MaxFiles*4))
	}
	n, oobn, flags, err := in.recvmsg(fd, b)
	if err != nil {
		return nil, nil, err
	}
	fds := rights(in.oob[:oobn])
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || n != size {
		CloseFDs(fds)
		return nil, nil, &TruncatedError{Bytes: size, Files: flags&unix.MSG_CTRUNC != 0}
	}
	return b[:n], fds, nil
}

// peek is the size of the next packet, 0 at the end. MSG_TRUNC makes recv report
// the real size; without a control buffer no descriptor is installed.
//
// Not unix.Recvfrom, here, nor unix.Recvmsg below: they make room for an address.
func peek(fd int) (int, error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), 0, 0, unix.MSG_PEEK|unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), result(errno)
		}
	}
}

// recvmsg fills b and the control buffer.
func (in *receiver) recvmsg(fd int, b []byte) (n, oobn, flags int, err error) {
	for {
		in.iov.Base = &b[0]
		in.iov.SetLen(len(b))
		in.msg = unix.Msghdr{Iov: &in.iov, Control: &in.oob[0]}
		in.msg.SetIovlen(1)
		in.msg.SetControllen(len(in.oob))
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.msg)), unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
		in.iov.Base = nil
		if errno != unix.EINTR {
			return int(n), int(in.msg.Controllen), int(in.msg.Flags), result(errno)
		}
	}
}

// result avoids a non-nil error that says 0, and the allocation of the usual one.
func result(errno unix.Errno) error {
	switch errno {
	case 0:
		return nil
	case unix.EAGAIN:
		return errAgain
	}
	return errno
}

var errAgain error = unix.EAGAIN

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
