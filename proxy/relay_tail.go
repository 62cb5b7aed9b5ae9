package proxy

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/nonblock"
)

// A leg that takes no more, because its tunnel is lost, say, may have said all that it had to say before. A reset of the other
// one at once would drop what is still on its way out of our socket: the end of a complete answer. So the reset waits behind
// that; what is sent meanwhile is read and thrown away, or a client that sends before it reads would never take the rest.

const (
	tailPatience = 5 * time.Second      // without a byte of it leaving
	tailLook     = 5 * time.Millisecond // between two looks, at first and while the peer sends
	tailLongLook = 100 * time.Millisecond
	discardReads = 64 // of 4 KiB between two looks: 50 MiB a second, and what sends faster is held up
)

// awaitTail returns when all that was written to l, its half-close included, has arrived, when it is closed (the other direction
// has ended with an error, or the relay was cut), or when its peer takes nothing for tailPatience. The kernel tells nobody
// when a queue is empty, so it is asked.
func awaitTail(l *tcpLeg) {
	acked, since, pause := uint64(0), time.Now(), tailLook
	for time.Since(since) < tailPatience {
		t, sends := l.discard()
		switch {
		case t == nil, t.State == stateFinWait2, t.State == stateTimeWait, t.State == stateClosed:
			return
		case t.Bytes_acked != acked:
			acked, since = t.Bytes_acked, time.Now()
		}
		time.Sleep(pause)
		pause = nextLook(pause, sends)
	}
}

// awaitTailOf is awaitTail for the leg that has got all of a stream which broke behind its end.
func awaitTailOf(h half) {
	if l, ok := h.Leg.(*tcpLeg); ok && l.halfClose.Load() {
		awaitTail(l)
	}
}

// nextLook is the pause after the next look. A peer that reads slowly does so for as long as it likes, as it does from any
// connection; a thousand of them must not keep a cell busy that others share.
func nextLook(pause time.Duration, sends bool) time.Duration {
	if sends {
		return tailLook // it may have to be rid of all that before it reads
	}
	return min(2*pause, tailLongLook)
}

// States in which the peer has acknowledged our FIN.
const (
	stateFinWait2 = 5
	stateTimeWait = 6
)

// discard throws away what has come, says whether that was anything, and returns what the kernel knows: nil of a leg that is
// closed, or that its peer has reset.
// (SIOCOUTQ would be a number at once, and is an ioctl, of which a jailed cell has one.)
func (l *tcpLeg) discard() (t *unix.TCPInfo, some bool) {
	err := error(unix.EAGAIN)
	_ = l.raw.Control(func(fd uintptr) {
		var b [4 << 10]byte
		for range discardReads {
			var n int
			if n, err = nonblock.Read(int(fd), b[:]); n <= 0 {
				break
			}
			some = true
		}
		if err == nil || err == unix.EAGAIN {
			t, _ = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		}
	})
	return t, some
}

// tookNoMore says whether a direction ended because a leg could not be written to.
func tookNoMore(err error, leg string) bool {
	e, ok := errors.AsType[*RelayError](err)
	return ok && e.Leg == leg && e.Op == "write"
}
