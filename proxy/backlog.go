package proxy

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// latecomers is how long a connection whose SYN was led here may need into the backlog.
const latecomers = 500 * time.Millisecond

// clearFor bounds the clearing of a backlog: connections may come as fast as they are
// taken, from inside the pod above all, and whoever does not end is killed with its neighbours.
const clearFor = 2 * time.Second

// clear has the loops that accept end when what is on its way to them has been accepted, after
// clearFor or at Cut: end ends clearing.
// It is for the last who accepts: nobody else would, and in sockets that an anchor
// holds such a connection waits for ever, with a client who believes that it is served.
func (w *Workload) clear(l Listeners, clearing context.Context, end context.CancelFunc) {
	for _, x := range []*net.TCPListener{l.Outbound, l.Plaintext, l.HBONE} {
		letArrive(x)
	}
	go func() {
		limit := time.NewTimer(clearFor)
		defer limit.Stop()
		select {
		case <-limit.C:
		case <-w.cut:
		case <-clearing.Done():
		}
		end()
	}()
}

// turnAway resets what still waits when clearing is over: nobody comes for it.
func (w *Workload) turnAway(l *net.TCPListener, e ear) {
	for range backlog(l) {
		letArrive(l) // its deadline is over; what waits is there at once
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		e.refuse(c, ErrDrained)
		_ = TCPLeg(c).Reset()
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
