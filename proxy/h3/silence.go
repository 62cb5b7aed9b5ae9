package h3

import (
	"fmt"
	"time"

	"github.com/quic-go/quic-go"
)

// SilentError ends a tunnel whose peer was asked for a sign of life and gave none.
type SilentError struct{ Silent time.Duration }

func (e *SilentError) Error() string {
	return fmt.Sprintf("h3: peer silent for %v in spite of what it was sent", e.Silent.Round(time.Millisecond))
}

// Timeout makes it a net.Error-like timeout.
func (e *SilentError) Timeout() bool { return true }

// looks is how often a peer is looked at within Options.SilenceTimeout.
const looks = 8

// resettable bytes make a packet that is larger than any that is not answered with a stateless reset, whatever else is in it.
const resettable = 42

// silence is what the tunnel had sent and heard at the last look. Looks are counted and not
// time, since a process that did not run for a while has heard nobody either.
type silence struct {
	timer          *time.Timer
	sent, received uint64 // packets
	spoke          bool   // the streams moved bytes before the last look
	calm           int    // looks in a row at which no packet had come
	asked          bool   // for a sign of life, since the last packet came
	looks          int    // since then
	sending        int    // those of them that saw packets sent, be it again: who sends none has not been scheduled, and has asked nobody
}

// watch looks at the peer for as long as streams are open, and until what they left behind is delivered. The caller holds mu.
//
// A network that lets no UDP pass any more makes no error: packets are only lost. QUIC's own idle timeout must be long, or
// idle tunnels would need packets each second to stay; this looks at counters, and sends nothing while nobody speaks.
// Whoever spoke lately and hears nothing asks. Both ends look: if packets are lost in one direction only, the end that still
// hears the other is kept calm by its retransmissions, and the other one says that it hears nothing (codeSilent). (Whether
// what was sent is acknowledged would tell one end alone; quic-go does not say so, but by its estimate of the round trip,
// which an acknowledgement may leave as it was.) A peer that is not ours may not look: then the idle timeout notices.
func (c *conn) watch() {
	if c.quiet.timer != nil || c.err != nil {
		return
	}
	stats := c.q.ConnectionStats()
	c.quiet = silence{
		sent: stats.PacketsSent, received: stats.PacketsReceived,
		timer: time.AfterFunc(c.o.SilenceTimeout/looks, c.look),
	}
}

// look is called in a goroutine of its own.
func (c *conn) look() {
	stats, spoke := c.q.ConnectionStats(), c.spoke.Swap(false)
	c.mu.Lock()
	q := &c.quiet
	ask := q.sees(stats, spoke, int(c.o.PingInterval/(c.o.SilenceTimeout/looks)))
	lost := q.looks >= looks && q.sending > 1
	if c.err != nil || c.streams == 0 && q.calm > 0 && !q.asked {
		q.timer = nil
	} else {
		q.timer.Reset(c.o.SilenceTimeout / looks)
	}
	c.mu.Unlock()
	switch {
	case lost:
		c.fail(codeSilent, &SilentError{c.o.SilenceTimeout})
	case ask:
		c.probe()
	}
}

// sees takes a look, and says whether the peer is to be asked for a sign of life: when somebody spoke and nothing came back, or
// nothing came for so many looks.
func (q *silence) sees(stats quic.ConnectionStats, spoke bool, patience int) (ask bool) {
	sent := stats.PacketsSent != q.sent
	switch {
	case stats.PacketsReceived != q.received:
		q.calm, q.asked, q.looks, q.sending = 0, false, 0, 0
	case q.asked:
		q.calm++
		q.looks++
		if sent {
			q.sending++
		}
	default:
		q.calm++
		ask = sent || spoke || q.spoke || q.calm >= patience
		q.asked = ask
	}
	q.sent, q.received, q.spoke = stats.PacketsSent, stats.PacketsReceived, spoke
	return ask
}

// probe makes the peer send something: whatever is in a control stream it must acknowledge, and frames of this kind, which has no meaning
// (RFC 9114 section 7.2.8), it skips. Of a peer that gives no credit nothing is asked: a question that waited would be a goroutine for each.
// It is long enough to be answered by who knows nothing of the tunnel, too, as a process that was started again: smaller packets
// get no stateless reset (RFC 9000 section 10.3.3), and a talk of single bytes would be all that there is.
func (c *conn) probe() {
	c.mu.Lock()
	control := c.control
	c.mu.Unlock()
	if control != nil {
		_ = control.TryWriteAll(append(appendFrameHead(nil, frameNothing, resettable), make([]byte, resettable)...))
	}
}

// moves is told what a stream moved. Most calls load what others have stored, and store nothing.
func (c *conn) moves(n int) {
	if n > 0 && !c.spoke.Load() {
		c.spoke.Store(true)
	}
}
