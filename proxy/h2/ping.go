package h2

import (
	"context"
	"time"

	"golang.org/x/net/http2"
)

// watch asks a silent peer for a sign of life and starts the drain when ctx
// ends. Any frame counts as a sign of life, so a busy tunnel sends no PING.
func (c *conn) watch(ctx context.Context) {
	timer := time.NewTimer(c.interval())
	defer timer.Stop()
	drain := ctx.Done()
	life := life{asked: -1}
	for {
		select {
		case <-c.failed:
			return
		case <-drain:
			drain = nil
			c.Drain()
		case <-timer.C:
			timer.Reset(c.checkLife(&life))
		}
	}
}

// life is watch's own; times are by the clock of conn.born.
type life struct {
	asked time.Duration // when the last PING went out; negative: never
}

// checkLife returns when to look again.
func (c *conn) checkLife(l *life) time.Duration {
	now := time.Since(c.born)
	heard := time.Duration(c.lastRecv.Load())
	switch {
	case now-heard < c.interval():
		return c.interval() - (now - heard)
	case l.asked <= heard: // never, or answered since
		l.asked = now
		c.ping()
	case now-l.asked >= c.o.PingTimeout:
		c.fail(&SilentError{now - heard})
	}
	return max(time.Millisecond, min(c.interval(), c.o.PingTimeout-(now-l.asked)))
}

// interval is how long the peer may be silent before it is asked. The accepting end waits
// longer: where the dialling end asks, the question is the answer, and a node with
// thousands of tunnels that do nothing asks half as often.
func (c *conn) interval() time.Duration {
	if c.client() {
		return c.o.PingInterval
	}
	return c.o.PingInterval * 3 / 2
}

func (c *conn) ping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue(control{kind: sendPing, ping: [8]byte{'b', 'u', 'l', 'k'}})
}

func (c *conn) recvPing(f *http2.PingFrame) error {
	if f.IsAck() {
		return nil // its arrival was the answer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queueAck(control{kind: sendPingAck, ping: f.Data})
}
