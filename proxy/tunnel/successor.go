package tunnel

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// A tunnel that is about to end has a successor made before it does, so that the next
// stream finds one and does not wait for a handshake. Two things end a tunnel in
// advance: the peer's GOAWAY, which leaves the open streams alone, and the end of the
// credentials that it was made with, ours or the peer's, whichever is first. TLS 1.3
// cannot show new ones in an old connection, and nobody checks the old ones again: the
// pool puts no new stream on a tunnel that outlives the proof that it rests on.
//
// The order is: dial, and when the successor is there, drain. Until then the old one
// serves, and if no successor can be had (the CA is away, say, and the peer's SVID is
// the old one) it goes on serving until the credentials end, and the streams that it has
// then for as long as they last: an outage of the CA must not end what works.
//
// Not all at once: a node's tunnels were made together, and a GOAWAY comes to all peers
// of a workload. Both are spread, by part of the life that is left and by goAwaySpread.

const (
	goAwaySpread = 100 * time.Millisecond // a successor after a GOAWAY is dialled within this
	recentUse    = 10 * time.Second       // a tunnel without streams for longer needs no successor
	minLife      = time.Second            // a tunnel with less to live is not replaced: its successor would end with it
	minRetry     = time.Second            // after a failed dial, doubling
	maxRetry     = time.Minute
	crowdedRetry = 10 * time.Minute // the same while one of the ends has no room
)

// succession is when a tunnel needs a successor. It belongs to the tunnel's keep.
type succession struct {
	timer    *time.Timer
	leaving  <-chan struct{} // nil once heard
	upgrade  *time.Timer     // see upgrade.go
	better   <-chan struct{} // nil once heard
	stays    bool            // somebody has been told why better came to nothing
	failures int             // dials that came to nothing
	crowded  int             // of those the last, if it was for want of room; they are counted apart, since they wait longer
}

func (s *succession) stop() {
	s.timer.Stop()
	s.upgrade.Stop()
}

func (p *Pool) newSuccession(t *pooled) succession {
	s := succession{timer: time.NewTimer(time.Hour), upgrade: time.NewTimer(time.Hour), better: p.better(t)}
	s.stop()
	if p.o.Off {
		return s // a tunnel ends with its stream
	}
	s.leaving = t.Leaving()
	if t.until.IsZero() {
		return s
	}
	// From 70 % to 90 % of what is left. An SVID is renewed at half its life: a successor
	// that is made then has half a life and more.
	if at := spread(time.Until(t.until), 0.7, 0.9); at >= minLife {
		s.timer.Reset(at)
	}
	return s
}

// heard notes the peer's GOAWAY.
func (s *succession) heard() {
	s.leaving = nil
	s.timer.Reset(spread(goAwaySpread, 0, 1))
}

// wants notes what the peer announced. Its other peers have heard it too.
func (s *succession) wants() {
	s.better = nil
	s.upgrade.Reset(spread(goAwaySpread, 0, 1))
}

// pause is how long to wait after a dial that failed with err. Who finds no room begins as soon as others: it may
// be for the moment only, as when all peers of a workload come back at once.
func (s *succession) pause(err error) time.Duration {
	count, longest := &s.failures, maxRetry
	if crowded := (*CrowdedError)(nil); errors.As(err, &crowded) {
		count, longest = &s.crowded, crowdedRetry
	} else {
		s.crowded = 0
	}
	d := spread(min(minRetry<<min(*count, 10), longest), 0.75, 1.25)
	*count++
	return d
}

// succeed makes the successor of a tunnel that is in use, and retires it. It is called
// when the timer fires, and sets it again when it was of no avail.
func (p *Pool) succeed(t *pooled, s *succession) {
	if p.inUse(t) && !p.hasHeir(t) {
		heir, _, err := p.acquire(p.ctx, t.key, true)
		if errors.Is(err, ErrPoolClosed) {
			return
		}
		if err != nil {
			s.timer.Reset(s.pause(err))
			return
		}
		p.release(heir) // it waits for the next stream
		p.mu.Lock()
		p.counts.Successors++
		p.mu.Unlock()
	}
	p.retire(t)
}

// inUse says whether the next stream is likely to come soon.
func (p *Pool) inUse(t *pooled) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.streams > 0 || time.Since(t.idleSince) < recentUse
}

// hasHeir says whether a tunnel that was made later has room.
func (p *Pool) hasHeir(t *pooled) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.groups[t.key]
	if g == nil {
		return false
	}
	later := g.tunnels[slices.Index(g.tunnels, t)+1:] // all, if t is no longer there
	return slices.ContainsFunc(later, func(o *pooled) bool { return o.Usable() && o.streams < p.limit(o) })
}

// spread is a random time between two parts of d.
func spread(d time.Duration, from, to float64) time.Duration {
	return time.Duration(float64(d) * (from + (to-from)*rand.Float64()))
}
