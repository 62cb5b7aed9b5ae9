package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Leg is one side of a relay: an application's TCP connection or a stream of a
// tunnel (tunnel.Stream is a Leg). Reset and Close may be called at any time and
// wake whoever is blocked in the other methods.
type Leg interface {
	io.Reader          // io.EOF at the peer's half-close; anything else is a break
	io.Writer          //
	CloseWrite() error // half-close: the peer reads EOF, reading goes on
	Reset() error      // both directions end at once; the peer reads a reset
	Close() error      // releases; of a leg that has not ended both ways, with a reset
}

// Bytes counts what a relay has moved, while it moves.
type Bytes struct{ AtoB, BtoA Count }

// Count is one direction. It counts for many connections together, too, in Total (nil: it
// does not). The obvious way, summing up the open connections when somebody asks, would
// need a list of them, and its owner a second look at each.
type Count struct {
	n     atomic.Int64
	Total *atomic.Int64
}

// Add counts bytes.
func (c *Count) Add(n int64) {
	c.n.Add(n)
	if c.Total != nil {
		c.Total.Add(n)
	}
}

// Load is what this direction has moved.
func (c *Count) Load() int64 { return c.n.Load() }

// RelayError says which leg broke a relay, and in doing what.
type RelayError struct {
	Leg string // "a" or "b", as given to Relay
	Op  string // "read", "write" or "close-write"
	Err error
}

func (e *RelayError) Error() string { return fmt.Sprintf("relay: leg %s: %s: %v", e.Leg, e.Op, e.Err) }
func (e *RelayError) Unwrap() error { return e.Err }

// Relay moves bytes between two legs, both ways, until both directions have
// ended, and closes both.
//
// What one peer does, the other one sees: EOF becomes EOF and leaves the other
// direction open, in either order; a broken leg, or one that takes no more,
// becomes a reset of both (a sender whose bytes cannot be delivered must learn
// it, and in TCP too that ends both directions); a peer that does not read stops
// the one who sends, since a write blocks and nothing is read meanwhile. That is
// also the limit: a reset behind bytes which the other end does not take is seen
// when it takes them, unless the stream tells of it (tunnel.Forwarding, tunnel.Breaking).
//
// When ctx ends, both are reset and its cause is returned. count may be nil.
func Relay(ctx context.Context, a, b Leg, count *Bytes) error {
	if count == nil {
		count = new(Bytes)
	}
	ended := make(chan *relay, 1)
	startRelay(ctx, a, b, count, func(r *relay) { ended <- r })
	r := <-ended
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

// startRelay is Relay for a caller that does not wait: ended is called once, when both
// legs are closed, with the relay's err and panicked set. It may take the caller's
// goroutine for as long as there are bytes to move, and none while there are not.
func startRelay(ctx context.Context, a, b Leg, count *Bytes, ended func(*relay)) {
	r := &relay{a: a, b: b, count: count, ended: ended}
	r.left.Store(2)
	r.cut.Add(1)
	r.stop = context.AfterFunc(ctx, func() {
		defer r.cut.Done()
		r.fail(fmt.Errorf("relay: %w", context.Cause(ctx)))
	})
	// A stream passes on what arrives by itself; this goroutine moves the rest.
	switch {
	case r.forward(half{b, "b"}, half{a, "a"}, &count.BtoA):
		r.copyAtoB()
	case r.forward(half{a, "a"}, half{b, "b"}, &count.AtoB):
		r.copyBtoA()
	default:
		r.heed(half{a, "a"})
		r.heed(half{b, "b"})
		go r.copyAtoB()
		r.copyBtoA()
	}
}

// heed ends the relay when its stream ends by itself, also while a write to the other leg waits.
func (r *relay) heed(h half) {
	if s, ok := h.Leg.(tunnel.Breaking); ok {
		s.OnBreak(func(err error) { r.fail(h.failed("read", err)) })
	}
}

// relay is a Relay in progress.
type relay struct {
	a, b  Leg
	count *Bytes
	left  atomic.Int32 // directions that have not ended
	stop  func() bool  // of watching the context
	cut   sync.WaitGroup
	ended func(*relay)

	mu       sync.Mutex
	err      error // the first one; both legs have been reset
	panicked any
	done     bool
}

// copyAtoB and copyBtoA have a name each, so that a goroutine dump tells them apart.
func (r *relay) copyAtoB() { r.copy(half{r.a, "a"}, half{r.b, "b"}, &r.count.AtoB, r.copyAtoB) }
func (r *relay) copyBtoA() { r.copy(half{r.b, "b"}, half{r.a, "a"}, &r.count.BtoA, r.copyBtoA) }

// copy moves one direction until its end, or until it falls asleep: again goes on then.
func (r *relay) copy(from, to half, n *Count, again func()) {
	if err := r.tryCopy(from, to, n); err != errAsleep {
		r.over(err)
		return
	}
	from.Leg.(*tcpLeg).sleep(again)
}

func (r *relay) tryCopy(from, to half, n *Count) (err error) {
	defer r.recovered()
	err = copyHalf(from, to, n)
	if l, ok := from.Leg.(*tcpLeg); ok && tookNoMore(err, to.name) {
		awaitTail(l)
	}
	return err
}

// over notes the end of one direction, and ends the relay with the second.
func (r *relay) over(err error) {
	if err != nil {
		r.fail(err)
	}
	if r.left.Add(-1) > 0 {
		return
	}
	if !r.stop() {
		r.cut.Wait()
	}
	r.mu.Lock()
	r.done = true // what breaks from here on changes nothing
	r.mu.Unlock()
	r.a.Close()
	r.b.Close()
	r.ended(r)
}

// fail resets both legs, so that both directions end whatever they wait for.
// The first reason stays: those that follow come from the reset.
func (r *relay) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.done {
		return
	}
	r.err = err
	r.a.Reset()
	r.b.Reset()
}

// recovered keeps a panic of one direction until both have ended: Relay raises
// it where its caller can recover it, which is not here.
func (r *relay) recovered() {
	v := recover()
	if v == nil {
		return
	}
	r.mu.Lock()
	r.panicked = fmt.Sprintf("%v\n%s", v, debug.Stack())
	r.mu.Unlock()
	r.fail(errors.New("relay: panic"))
}

// half is a leg and its name.
type half struct {
	Leg
	name string
}

func (h half) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &RelayError{Leg: h.name, Op: op, Err: err}
}

// copyHalf moves one direction and passes its end on. Then nobody would read
// from that leg any more, and a break of it would show in the next write to it
// only, so it stays on the watch while the other direction lasts.
func copyHalf(from, to half, n *Count) error {
	if err := move(from, to, n); err != nil {
		return err
	}
	if err := to.CloseWrite(); err != nil {
		return to.failed("close-write", err)
	}
	b, ok := from.Leg.(interface{ AwaitBreak() error })
	if !ok {
		return nil
	}
	err := b.AwaitBreak()
	if _, tcp := from.Leg.(*tcpLeg); !tcp && err != nil {
		awaitTailOf(to)
	}
	return from.failed("read", err)
}
