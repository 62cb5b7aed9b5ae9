package channel

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Send sends one packet with copies of the files' descriptors. It returns when the
// packet is in the peer's queue, not when the peer has read it.
//
// A peer that is gone is EPIPE, without a signal; a peer that is stuck is a
// *TimeoutError after SetSendTimeout.
func (c *Conn) Send(b []byte, files ...*os.File) error {
	return c.lent(b, nil, files)
}

// lent collects the files' descriptors and sends while each file is held by its
// Control, so that none can be closed, and its number reused, in between.
func (c *Conn) lent(b []byte, fds []int, files []*os.File) error {
	if len(files) == 0 {
		return c.SendFDs(b, fds...)
	}
	raw, err := files[0].SyscallConn()
	if err != nil {
		return c.failure("send", err)
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) { sendErr = c.lent(b, append(fds, int(fd)), files[1:]) })
	runtime.KeepAlive(files)
	if err != nil { // Control fails for a closed file only, with an unexported error
		return fmt.Errorf("channel: send: file %s: %w", files[0].Name(), os.ErrClosed)
	}
	return sendErr
}

// SendFDs is Send for bare descriptors.
func (c *Conn) SendFDs(b []byte, fds ...int) error {
	if len(b) == 0 || len(b) > MaxPacket || len(fds) > MaxFiles {
		return &SizeError{Bytes: len(b), Files: len(fds)}
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	// The deadline counts from here: a sender that waits behind another one waits
	// for the same stuck peer, and must not get a second timeout.
	deadline := time.Now().Add(time.Duration(c.timeout.Load()))
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if err := c.file.SetWriteDeadline(deadline); err != nil {
		return c.failure("send", err)
	}
	return c.write(b, oob)
}

// sender is one SendFDs under way, kept for the same reason as receiver.
type sender struct {
	mu     sync.Mutex            // one at a time, so that deadlines are its own
	try    func(fd uintptr) bool // send
	b, oob []byte
	err    error
}

func (out *sender) send(fd uintptr) bool {
	out.err = sendPacket(int(fd), out.b, out.oob)
	return out.err != unix.EAGAIN
}

// write sends; the caller holds out.mu.
func (c *Conn) write(b, oob []byte) error {
	out := &c.out
	out.b, out.oob = b, oob
	err := c.raw.Write(out.try)
	sendErr := out.err
	out.b, out.oob, out.err = nil, nil, nil
	if err != nil {
		return c.failure("send", err)
	}
	switch sendErr {
	case nil:
		return nil
	case unix.ECONNRESET, unix.ENOTCONN, unix.ECONNREFUSED:
		// Which one a dead peer means depends on what it left unread and on how far
		// its release has come. It is dead in each case.
		sendErr = unix.EPIPE
	}
	return c.failure("send", os.NewSyscallError("sendmsg", sendErr))
}

// sendPacket: a seqpacket is sent whole or not at all, so there is no short write.
func sendPacket(fd int, b, oob []byte) error {
	for {
		_, err := unix.SendmsgN(fd, b, oob, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return err
		}
	}
}
