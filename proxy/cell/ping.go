package cell

import (
	"bytes"
	"strconv"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
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

// news is what there is to tell, or nil when that is what was told last.
func (s *cell) news() *Pong {
	same := s.told != nil && len(s.told.Counts) == len(s.served)
	for uid, v := range s.served {
		same = same && v.counts() == s.told.Counts[uid] && v.work.Generation() == s.told.Views[uid]
	}
	if same {
		return nil
	}
	s.told = &Pong{Counts: make(map[string]telemetry.Counts, len(s.served)), Views: make(map[string]string, len(s.served))}
	for uid, v := range s.served {
		s.told.Counts[uid], s.told.Views[uid] = v.counts(), v.work.Generation()
	}
	return s.told
}

// carried says whether anything has begun.
func carried(all map[string]telemetry.Counts) bool {
	for _, n := range all {
		if n.Opened > 0 {
			return true
		}
	}
	return false
}

func (v *served) counts() telemetry.Counts {
	n := v.counters.Counts()
	n.Budget = v.account.Counts()
	return n
}
