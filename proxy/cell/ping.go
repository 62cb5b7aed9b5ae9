package cell

import (
	"bytes"
	"strconv"
)

// A ping comes every second, as long as the cell lives. Read and written like the other
// messages it would leave 4 KiB of garbage: after two minutes an idle cell would have
// half a megabyte more than it needs, which is half of what it has.

const (
	pingHead = `{"ping":{"n":`
	pongHead = `{"pong":{"n":`
	tail     = `}}`
)

// parsePing reads a ping as Encode writes it. Whatever else means the same is left to
// Decode.
func parsePing(packet []byte) (n uint64, ok bool) {
	digits, ok := bytes.CutPrefix(packet, []byte(pingHead))
	if !ok {
		return 0, false
	}
	digits, ok = bytes.CutSuffix(digits, []byte(tail))
	if !ok || len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + uint64(d-'0')
	}
	return n, true
}

// appendPong writes a pong without counts.
func appendPong(b []byte, n, dropped uint64) []byte {
	b = append(b, pongHead...)
	b = strconv.AppendUint(b, n, 10)
	if dropped > 0 {
		b = append(b, `,"dropped":`...)
		b = strconv.AppendUint(b, dropped, 10)
	}
	return append(b, tail...)
}

// pong answers the newest ping. Without news there is what was said last.
func (c *Channel) pong(news *Pong, dropped uint64) {
	n := c.pinged.Load()
	if news != nil {
		p := *news
		p.N, p.Dropped = n, dropped
		c.report(&Message{Pong: &p})
		return
	}
	c.packet = appendPong(c.packet[:0], n, dropped)
	if err := c.conn.Send(c.packet); err != nil {
		c.lost(err)
	}
}
