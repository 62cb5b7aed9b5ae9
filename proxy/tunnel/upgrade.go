package tunnel

import (
	"context"
	"net/netip"
	"time"
)

// A peer may say in a tunnel that it can be reached by another transport: over HTTP/2, that
// it speaks HTTP/3 too. The pool then makes a tunnel of the better kind while the first
// one serves, puts the next streams there, and drains the first. No connection ever waits to
// see whether the better transport passes the network: one that is tried first, or in a race, would cost each
// connection a timeout, or a second handshake, wherever it does not.
//
// When a better tunnel is lost, the next Open dials as if there had been none, and hears of
// the better transport in the answer; the attempts have the pauses of a successor's.

// Announcer is a tunnel whose peer may say that it is reached by a better transport, too.
type Announcer interface {
	// Better is closed when the peer has said so.
	Better() <-chan struct{}
	// BetterAt is the port of the same host, once it has.
	BetterAt() uint16
}

// better is closed when t's peer has announced what this pool wants.
func (p *Pool) better(t *pooled) <-chan struct{} {
	if a, ok := t.Tunnel.(Announcer); ok && p.o.Upgrade != nil && !p.o.Off {
		return a.Better()
	}
	return nil
}

// upgrade makes the better tunnel beside one that is in use, and retires that. It is called
// when the timer fires, and sets it again when it was of no avail.
func (p *Pool) upgrade(t *pooled, s *succession) {
	if !p.hasBetter(t.key) {
		if !p.inUse(t) {
			s.upgrade.Reset(recentUse) // until it is used again, or evicted
			return
		}
		ctx, cancel := context.WithTimeout(p.ctx, p.o.DialTimeout)
		at := t.key
		at.Address = netip.AddrPortFrom(at.Address.Addr(), t.Tunnel.(Announcer).BetterAt())
		better, until, err := p.make(ctx, at, p.o.Upgrade)
		cancel()
		if p.ctx.Err() != nil {
			if err == nil {
				better.Close()
			}
			return
		}
		p.mu.Lock()
		p.counts.Dials++
		if err != nil {
			p.counts.Failures++
		} else {
			p.counts.Upgrades++
		}
		p.mu.Unlock()
		if err != nil {
			if !s.stays {
				s.stays = true
				p.o.Stays(at, err)
			}
			s.upgrade.Reset(s.pause(err))
			return
		}
		p.join(t.key, better, until)
	}
	p.retire(t)
}

// hasBetter says whether the key has a tunnel of the better kind already.
func (p *Pool) hasBetter(k Key) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.groups[k].all() {
		if o.upgraded && o.Usable() && o.streams < p.limit(o) {
			return true
		}
	}
	return false
}

// join puts a tunnel that nobody waited for beside the others of its key.
func (p *Pool) join(k Key, t Tunnel, until time.Time) {
	now := time.Now()
	pt := &pooled{Tunnel: t, key: k, made: now, until: until, idleSince: now, upgraded: true}
	p.mu.Lock()
	p.tunnels++
	if !p.draining {
		g := p.group(k)
		g.tunnels = append(g.tunnels, pt)
		g.room = max(1, p.limit(pt))
	}
	p.mu.Unlock()
	p.runs.Go(func() { p.live(pt) })
}
