package tunnel

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// group is what a pool has for one key. Guarded by Pool.mu; it exists while it
// has a tunnel or a dial.
type group struct {
	tunnels []*pooled // that take streams, the oldest first
	dials   []*dial
	room    int // how many streams the last tunnel took: what a dial is worth
}

// all are the tunnels of a group, which may be nil.
func (g *group) all() []*pooled {
	if g == nil {
		return nil
	}
	return g.tunnels
}

// dial is a tunnel being made, and those who wait for it.
type dial struct {
	waiters []*waiter
	cancel  context.CancelFunc
}

// waiter is an Open in want of a tunnel.
type waiter struct{ come chan outcome } // holds one

// outcome is what a waiter gets: a place in a tunnel, an error, or neither,
// when the new tunnel had fewer places than were hoped for.
type outcome struct {
	t   *pooled
	err error
}

// acquire returns a tunnel with a place taken in it. reused tells a tunnel that
// was there from one made meanwhile; fresh asks for the latter.
func (p *Pool) acquire(ctx context.Context, k Key, fresh bool) (t *pooled, reused bool, err error) {
	// Each turn that ends without a tunnel was one of more waiters than places,
	// which happens once for a new key; the bound is for peers that lie.
	const turns = 10
	for range turns {
		t, d, w, err := p.take(ctx, k, fresh)
		if t != nil || err != nil {
			return t, t != nil, err
		}
		select {
		case o := <-w.come:
			if o.t != nil || o.err != nil {
				return o.t, false, o.err
			}
		case <-ctx.Done():
			p.leave(k, d, w)
			return nil, false, fmt.Errorf("tunnel: no tunnel yet: %w", context.Cause(ctx))
		}
	}
	return nil, false, &RefusedError{Reason: Full}
}

// take finds a tunnel with room or joins a dial.
func (p *Pool) take(ctx context.Context, k Key, fresh bool) (*pooled, *dial, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining {
		return nil, nil, nil, ErrPoolClosed
	}
	g := p.group(k)
	if !fresh && !p.o.Off {
		if t := p.withRoom(g); t != nil {
			p.enter(t)
			return t, nil, nil, nil
		}
	}
	if p.shut(g) {
		return nil, nil, nil, &RefusedError{Reason: Full}
	}
	w := &waiter{come: make(chan outcome, 1)}
	for _, d := range g.dials {
		if !p.o.Off && len(d.waiters) < g.room {
			d.waiters = append(d.waiters, w)
			return nil, d, w, nil
		}
	}
	return nil, p.startDial(ctx, k, g, w), w, nil
}

// group returns the group of k, a new one if need be. The caller holds mu.
func (p *Pool) group(k Key) *group {
	g := p.groups[k]
	if g == nil {
		g = &group{room: p.o.MaxStreams}
		p.groups[k] = g
	}
	return g
}

// withRoom returns the oldest tunnel with a place, so that the younger ones
// fall idle first, and forgets those that take no more streams.
func (p *Pool) withRoom(g *group) *pooled {
	g.tunnels = slices.DeleteFunc(g.tunnels, func(t *pooled) bool { return !t.Usable() })
	for _, t := range g.tunnels {
		if t.streams < p.limit(t) {
			return t
		}
	}
	return nil
}

// shut says whether the peer wants no streams just now: it took none in the tunnel made last, and that is not long ago.
// Without it every Open would dial twice and leave two tunnels behind. An older tunnel says nothing: a peer that is about to
// end may lower its limit there, and its successor takes what comes.
func (p *Pool) shut(g *group) bool {
	if len(g.tunnels) == 0 {
		return false
	}
	last := g.tunnels[len(g.tunnels)-1]
	return p.limit(last) == 0 && time.Since(last.made) < shutFor
}

// shutFor is how long a peer that takes no streams is not dialled again.
const shutFor = time.Second

func (p *Pool) limit(t *pooled) int { return min(p.o.MaxStreams, t.Limit()) }

// enter takes a place in t. The caller holds mu.
func (p *Pool) enter(t *pooled) {
	t.streams++
	p.streams++
}

// startDial begins a dial with its first waiter, the values of whose context it has, and
// not the end: others may join. The caller holds mu.
func (p *Pool) startDial(ctx context.Context, k Key, g *group, w *waiter) *dial {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.o.DialTimeout)
	unbind := context.AfterFunc(p.ctx, cancel)
	d := &dial{waiters: []*waiter{w}, cancel: func() { unbind(); cancel() }}
	g.dials = append(g.dials, d)
	p.counts.Dials++
	p.runs.Go(func() { p.run(ctx, k, d) })
	return d
}

// leave takes a waiter out whose context has ended.
func (p *Pool) leave(k Key, d *dial, w *waiter) {
	if t := p.withdraw(k, d, w); t != nil {
		p.release(t)
	}
}

// withdraw returns the tunnel that the waiter got at the same moment, if it did. A
// dial that nobody waits for is cancelled.
func (p *Pool) withdraw(k Key, d *dial, w *waiter) *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case o := <-w.come:
		return o.t
	default:
	}
	d.waiters = slices.DeleteFunc(d.waiters, func(other *waiter) bool { return other == w })
	if len(d.waiters) == 0 {
		d.cancel()
		p.forget(k, d) // so that nobody joins it
	}
	return nil
}

// forget takes a dial out of its group. The caller holds mu.
func (p *Pool) forget(k Key, d *dial) {
	g := p.groups[k]
	if g == nil {
		return
	}
	g.dials = slices.DeleteFunc(g.dials, func(other *dial) bool { return other == d })
	p.tidy(k, g)
}

// tidy removes an empty group: a pool must not grow with every address that it
// ever knew. The caller holds mu.
func (p *Pool) tidy(k Key, g *group) {
	if len(g.tunnels) == 0 && len(g.dials) == 0 {
		delete(p.groups, k)
	}
}
