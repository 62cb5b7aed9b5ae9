package h3

import (
	"fmt"
	"time"
)

// SilentError ends a tunnel whose peer acknowledged nothing of what it was sent.
type SilentError struct{ Silent time.Duration }

func (e *SilentError) Error() string {
	return fmt.Sprintf("h3: peer silent for %v in spite of what it was sent", e.Silent.Round(time.Millisecond))
}

// Timeout makes it a net.Error-like timeout.
func (e *SilentError) Timeout() bool { return true }

// looks is how often a silent peer is looked at within Options.SilenceTimeout.
const looks = 4

// silence is what the tunnel had sent and heard at the last look. Looks are counted and not
// time, since a process that did not run for a while has heard nobody either.
type silence struct {
	timer          *time.Timer
	sent, received uint64 // packets
	looks          int    // in a row at which nothing had been heard, from the first on that saw something sent
	sending        int    // those of them that saw something sent: one may be an ACK, which nobody answers
}

// watch looks at the peer for as long as streams are open. A network that lets no UDP pass any
// more makes no error: packets are only lost. QUIC's own idle timeout must be long, or idle
// tunnels would need packets each second to stay; this looks at counters and sends nothing. Where packets are lost
// in one direction only, the other end's still come, and the idle timeout is what notices.
func (c *conn) watch() {
	if c.handler != nil || c.quiet.timer != nil {
		return
	}
	c.quiet.timer = time.AfterFunc(c.o.SilenceTimeout/looks, c.look)
}

// look is called in a goroutine of its own.
func (c *conn) look() {
	stats := c.q.ConnectionStats()
	c.mu.Lock()
	q := &c.quiet
	if c.err != nil || c.streams == 0 {
		q.timer, q.looks, q.sending = nil, 0, 0
		c.mu.Unlock()
		return
	}
	switch {
	case stats.PacketsReceived != q.received:
		q.looks, q.sending = 0, 0
	case stats.PacketsSent != q.sent:
		q.looks++
		q.sending++
	case q.looks > 0:
		q.looks++
	}
	q.sent, q.received = stats.PacketsSent, stats.PacketsReceived
	lost := q.looks >= looks && q.sending > 1
	q.timer.Reset(c.o.SilenceTimeout / looks)
	c.mu.Unlock()
	if lost {
		c.fail(codeNo, &SilentError{c.o.SilenceTimeout})
	}
}
