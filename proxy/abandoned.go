package proxy

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAbandoned ends a connection whose client went away while it waited in the
// backlog for a cell that was not there.
var ErrAbandoned = errors.New("the client went away while its connection waited to be accepted")

// abandonedAfter is how long a connection must have waited before a FIN counts as
// "gone". Less, and a client that sends its request and half-closes at once, which
// is its right, would be turned away.
const abandonedAfter = time.Second

// abandoned says whether nobody waits for this connection any more: serving it
// would carry out a request that its client has given up and perhaps repeated.
//
// A client that closed and one that half-closed look the same until we write. So
// both must be true: it sent a FIN, and it waited for long. Nothing was sent on an
// accepted socket yet, so the kernel's time since the last send is the time since
// the handshake (Linux: tcp_create_openreq_child sets lsndtime).
func abandoned(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var t *unix.TCPInfo
	if cerr := raw.Control(func(fd uintptr) { t, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); cerr != nil || err != nil {
		return false
	}
	const closeWait = 8 // include/net/tcp_states.h: the peer has sent FIN
	return t.State == closeWait && time.Duration(t.Last_data_sent)*time.Millisecond >= abandonedAfter
}
