package proxy

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// latecomers is how long a connection whose SYN was led here may need into the backlog.
const latecomers = 500 * time.Millisecond

// clear has the loops that accept end when what is on its way to them has been accepted.
// It is for the last who accepts: nobody else would, and in sockets that an anchor
// holds such a connection waits for ever, with a client who believes that it is served.
func (l Listeners) clear() {
	for _, x := range []*net.TCPListener{l.Outbound, l.Plaintext, l.HBONE} {
		letArrive(x)
	}
}

// letArrive has a listener heard for as long as latecomers need.
func letArrive(l *net.TCPListener) {
	_ = l.SetDeadline(time.Now().Add(latecomers)) // it fails for one that is closed
}

// backlog is how many connections wait to be accepted.
func backlog(l *net.TCPListener) (n int) {
	raw, err := l.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		// Of a listening socket this is the length of its queue (Linux: tcp_get_info).
		if t, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = int(t.Unacked)
		}
	})
	return n
}
