package netns

import (
	"time"

	"golang.org/x/sys/unix"
)

// Patience is the longest pause between two retransmissions of a connection. The kernel
// doubles its pauses up to two minutes: a connection over a link that was gone for ten
// seconds is silent for up to ten more after the link is back. TCP_USER_TIMEOUT is no
// substitute: it ends the connection, and all that goes on over it.
type Patience time.Duration

// set is in vain on kernels before 6.15, which keep their own pauses: a connection that
// is slow to recover is better than none.
func (p Patience) set(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS, int(time.Duration(p).Milliseconds()))
}
