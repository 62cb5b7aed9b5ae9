package tunnel

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// pooled is a tunnel of a pool.
type pooled struct {
	Tunnel
	key   Key
	made  time.Time
	until time.Time // the end of the credentials; zero: never

	upgraded bool // made by PoolOptions.Upgrade

	// Guarded by Pool.mu.
	streams   int
	idleSince time.Time // when streams became 0
}

// Usable is that of the tunnel, and false once its credentials have ended: streams that
// are open go on, and none is opened on a proof that is worth nothing any more.
func (t *pooled) Usable() bool {
	return t.Tunnel.Usable() && (t.until.IsZero() || time.Now().Before(t.until))
}

// run is the life of a tunnel in the pool: dial, hand out, keep.
func (p *Pool) run(ctx context.Context, k Key, d *dial) {
	t, until, err := p.make(ctx, k, p.dial)
	d.cancel()
	if err != nil {
		p.fail(k, d, &DialError{Key: k, Err: err})
		return
	}
	now := time.Now()
	pt := &pooled{Tunnel: t, key: k, made: now, until: until, idleSince: now}
	for _, old := range p.handOut(d, pt) {
		p.retire(old)
	}
	p.endAlone(pt)
	p.live(pt)
}

// live keeps a tunnel until its end.
func (p *Pool) live(t *pooled) {
	p.keep(t)
	p.mu.Lock()
	p.tunnels--
	p.mu.Unlock()
}

// make dials. A panic fails this dial instead of every workload in the process.
func (p *Pool) make(ctx context.Context, k Key, dial DialFunc) (t Tunnel, until time.Time, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return dial(ctx, k)
}

// fail gives a dial's error to all who wait for it.
func (p *Pool) fail(k Key, d *dial, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Failures++
	p.forget(k, d)
	if p.ctx.Err() != nil {
		err = ErrPoolClosed
	}
	for _, w := range d.waiters {
		w.come <- outcome{err: err}
	}
	d.waiters = nil
}

// handOut adds a new tunnel and gives its places to the waiters, first come
// first; the others look again. It returns the tunnels that are of no use beside
// this one: of those that take no streams one is enough, to hear when that changes.
func (p *Pool) handOut(d *dial, t *pooled) (useless []*pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tunnels++
	limit := p.limit(t)
	if !p.draining && !p.o.Off {
		g := p.group(t.key) // gone meanwhile if all who waited have left; the tunnel is good all the same
		for _, old := range g.tunnels {
			if old.streams == 0 && p.limit(old) == 0 {
				useless = append(useless, old)
			}
		}
		g.tunnels = append(g.tunnels, t)
		g.room = max(1, limit)
	}
	p.forget(t.key, d)
	for i, w := range d.waiters {
		switch {
		case p.draining:
			w.come <- outcome{err: ErrPoolClosed}
		case limit == 0: // a peer that takes no streams: dialling on would not end
			w.come <- outcome{err: &RefusedError{Reason: Full}}
		case i < limit:
			p.enter(t)
			w.come <- outcome{t: t}
		default:
			w.come <- outcome{}
		}
	}
	d.waiters = nil
	return useless
}

// keep waits for the end of a tunnel, sees to its successor, and brings the end about
// when it is idle or the pool closes.
func (p *Pool) keep(t *pooled) {
	defer p.retire(t)
	if p.closing() {
		p.retire(t)
	}
	idle := time.NewTimer(p.o.IdleTimeout)
	defer idle.Stop()
	next := p.newSuccession(t)
	defer next.stop()
	for {
		select {
		case <-t.Done():
			return
		case <-p.ctx.Done():
			t.Close()
			return
		case <-idle.C:
			idle.Reset(p.evictIdle(t))
		case <-next.leaving:
			next.heard()
		case <-next.timer.C:
			p.succeed(t, &next)
		case <-next.better:
			next.wants()
		case <-next.upgrade.C:
			p.upgrade(t, &next)
		}
	}
}

func (p *Pool) closing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.draining
}

// evictIdle ends a tunnel that has been without streams for long enough, and
// returns when to look again. An open stream keeps it, however silent.
func (p *Pool) evictIdle(t *pooled) time.Duration {
	p.mu.Lock()
	left := p.o.IdleTimeout
	if t.streams == 0 {
		left -= time.Since(t.idleSince)
	}
	evict := left <= 0
	if evict {
		p.counts.Evictions++
		p.drop(t) // under the same lock as the check: nobody may enter between
	}
	p.mu.Unlock()
	if evict {
		t.Drain()
		return p.o.IdleTimeout
	}
	return left
}

// retire takes a tunnel out of the pool's hands: no new streams, and it ends
// with the last one.
func (p *Pool) retire(t *pooled) {
	p.mu.Lock()
	p.drop(t)
	p.mu.Unlock()
	t.Drain()
}

// drop takes a tunnel out of its group. The caller holds mu.
func (p *Pool) drop(t *pooled) {
	g := p.groups[t.key]
	if g == nil {
		return
	}
	g.tunnels = slices.DeleteFunc(g.tunnels, func(other *pooled) bool { return other == t })
	p.tidy(t.key, g)
}

// release gives a place back.
func (p *Pool) release(t *pooled) {
	p.mu.Lock()
	p.streams--
	if t.streams--; t.streams == 0 {
		t.idleSince = time.Now()
	}
	p.mu.Unlock()
	p.endAlone(t)
}

// endAlone ends a tunnel of a pool that is off once its stream has ended, or if it
// never came.
func (p *Pool) endAlone(t *pooled) {
	if !p.o.Off {
		return
	}
	p.mu.Lock()
	over := t.streams == 0
	p.mu.Unlock()
	if over {
		t.Drain()
	}
}

// lease is a stream that holds a place until its Close.
type lease struct {
	Stream
	pool *Pool
	of   *pooled
	once sync.Once
}

// Close closes the stream and gives its place back.
func (l *lease) Close() error {
	err := l.Stream.Close()
	l.once.Do(func() { l.pool.release(l.of) })
	return err
}

// Upgraded says whether the stream is in a tunnel of the better kind.
func (l *lease) Upgraded() bool { return l.of.upgraded }

// AwaitBreak lets a relay use what the transport's stream has to offer.
func (l *lease) AwaitBreak() error {
	if s, ok := l.Stream.(interface{ AwaitBreak() error }); ok {
		return s.AwaitBreak()
	}
	return nil
}

// OnBreak is the transport's stream's, if it has one.
func (l *lease) OnBreak(f func(error)) {
	if s, ok := l.Stream.(Breaking); ok {
		s.OnBreak(f)
	}
}

// WriteTo lets io.Copy use what the transport's stream has to offer, which the
// embedding would hide.
func (l *lease) WriteTo(w io.Writer) (int64, error) {
	if s, ok := l.Stream.(io.WriterTo); ok {
		return s.WriteTo(w)
	}
	return io.Copy(w, struct{ io.Reader }{l.Stream})
}

// forwardingLease is a lease of a stream that is a Forwarder: a relay asks which it has.
type forwardingLease struct {
	*lease
	Forwarder
}

// leaseOf hands out a stream of t.
func (p *Pool) leaseOf(s Stream, t *pooled) Stream {
	l := &lease{Stream: s, pool: p, of: t}
	if f, ok := s.(Forwarder); ok {
		return forwardingLease{l, f}
	}
	return l
}
