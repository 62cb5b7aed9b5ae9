package proxy

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/nonblock"
)

// TCPLeg makes a leg of a TCP connection, which it owns from then on.
func TCPLeg(c *net.TCPConn) Leg {
	raw, err := c.SyscallConn()
	if err != nil { // only of a nil connection
		panic(err)
	}
	return &tcpLeg{c: c, raw: raw}
}

// tcpLegOn is TCPLeg with its buffers on an account.
func tcpLegOn(c *net.TCPConn, a *budget.Account) Leg {
	l := TCPLeg(c).(*tcpLeg)
	l.account = a
	return l
}

type tcpLeg struct {
	c         *net.TCPConn
	raw       syscall.RawConn
	halfClose atomic.Bool // CloseWrite was called
	watched   atomic.Bool // AwaitBreak was called
	account   *budget.Account

	busy    atomic.Bool // something was read since the last look
	sleeper sleeper     // these are guarded by bed.mu
	closed  bool
	fd      int32 // while it sleeps
}

func (l *tcpLeg) Write(p []byte) (int, error) { return l.c.Write(p) }

func (l *tcpLeg) CloseWrite() error {
	l.halfClose.Store(true)
	var err error
	if rawErr := l.raw.Control(func(fd uintptr) { err = nonblock.ShutdownWrite(int(fd)) }); rawErr != nil {
		err = rawErr
	}
	if l.watched.Load() {
		l.c.SetReadDeadline(time.Unix(1, 0)) // both directions have ended
	}
	return os.NewSyscallError("shutdown", err)
}

// AwaitBreak is called after EOF. It returns the error when the connection
// breaks, and nil once CloseWrite was called or the leg closed.
func (l *tcpLeg) AwaitBreak() error {
	l.watched.Store(true)
	if l.halfClose.Load() { // this or CloseWrite sees what the other has stored
		return nil
	}
	var broken bool
	_ = l.raw.Read(func(fd uintptr) bool {
		broken = closed(int(fd))
		return broken
	})
	if broken && !l.halfClose.Load() {
		return os.NewSyscallError("read", unix.ECONNRESET)
	}
	return nil
}

// Reset closes with a RST instead of a FIN, and drops what is queued.
func (l *tcpLeg) Reset() error {
	_ = l.c.SetLinger(0)
	return l.Close()
}

func (l *tcpLeg) Close() error {
	bed.close(l)
	return l.c.Close()
}

func (l *tcpLeg) Read(p []byte) (int, error) {
	return l.read(func(fd int) (int, error) { return nonblock.Read(fd, p) })
}

// readPooled waits until there is something to read and only then takes a
// buffer, which its caller puts back. There is none with an error.
func (l *tcpLeg) readPooled() (p piece, n int, err error) {
	n, err = l.read(func(fd int) (int, error) {
		p = take(l.account)
		n, err := nonblock.Read(fd, p.b)
		if err != nil || n == 0 {
			p.put(l.account)
		}
		return n, err
	})
	return p, n, err
}

// read calls f, which reads from fd without blocking, as soon as it can.
func (l *tcpLeg) read(f func(fd int) (int, error)) (n int, err error) {
	rawErr := l.raw.Read(func(fd uintptr) bool {
		for {
			if n, err = f(int(fd)); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	switch {
	case rawErr != nil:
		return 0, rawErr
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, l.endOfInput()
	}
	return n, nil
}

// endOfInput tells a half-close from a RST that somebody else was told of: the
// kernel reports a RST once, to whichever call comes first, and if that is a
// write of the other direction this read sees a plain EOF. A socket that got a
// FIN waits for ours (CLOSE_WAIT); one that got a RST is closed. Once we have
// sent our FIN a closed socket is a finished one: so after the socket it is asked again
// whether we have, since CloseWrite says so before it does it. A FIN that left in between
// would look like a RST.
func (l *tcpLeg) endOfInput() error {
	if l.halfClose.Load() {
		return io.EOF
	}
	var ended bool
	_ = l.raw.Control(func(fd uintptr) { ended = closed(int(fd)) })
	if ended && !l.halfClose.Load() {
		return os.NewSyscallError("read", unix.ECONNRESET)
	}
	return io.EOF
}

// closed reports whether the kernel is done with a socket.
func closed(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == unix.BPF_TCP_CLOSE
}
