package tunnel

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// DialFunc makes a tunnel: connect, handshake, greeting. It honours ctx, which has the
// values of the Open that wanted the tunnel first. The time is
// when the credentials of either end do; zero: never.
type DialFunc = func(ctx context.Context, k Key) (Tunnel, time.Time, error)

// PoolOptions tune a pool; the zero value is right for production.
type PoolOptions struct {
	IdleTimeout time.Duration // a tunnel without streams is closed after this; 0 = 5 min
	DialTimeout time.Duration // a dial is given up after this, whoever waits; 0 = 30 s
	MaxStreams  int           // per tunnel, if the peer does not want fewer; 0 = 100
	Off         bool          // every stream in a tunnel of its own, which ends with it; see Config
	Upgrade     DialFunc      // makes tunnels of a better kind, for peers that announce it; nil: none. See upgrade.go

	// Stays is told why a tunnel is not followed by one of the better kind, once for each tunnel. nil: nobody is.
	Stays func(Key, error)
}

func (o PoolOptions) resolved() PoolOptions {
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = 30 * time.Second
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = 100
	}
	if o.Stays == nil {
		o.Stays = func(Key, error) {}
	}
	return o
}

// Pool opens streams through as few tunnels as possible.
//
// Its promises: no lock is held while dialling or opening; those who want a
// tunnel for one key share a dial, and each gets its outcome; a dial goes on
// while anybody waits for it; a tunnel in use that is about to end has a successor
// first; nothing is left of a key without tunnels.
type Pool struct {
	dial DialFunc
	o    PoolOptions

	ctx    context.Context // of all dials and tunnels; ends at Close
	cancel context.CancelFunc
	runs   sync.WaitGroup // dials, each going on as its tunnel's keeper

	mu       sync.Mutex
	draining bool
	groups   map[Key]*group
	tunnels  int // alive, drained ones included
	streams  int
	counts   Stats // the counters only
}

// Stats counts what a pool did and has.
type Stats struct {
	Keys, Tunnels, Streams              int   // now
	Dials, Failures, Retries, Evictions int64 // since the start
	Successors                          int64 // of Dials: made before the tunnel that they replace had ended
	Upgrades                            int64 // of Dials: of the better kind
}

// NewPool returns a pool that makes its tunnels with dial. Close it.
func NewPool(dial DialFunc, o PoolOptions) *Pool {
	p := &Pool{dial: dial, o: o.resolved(), groups: make(map[Key]*group)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Open opens a stream in a tunnel for k, dialling one when none has room. The
// stream's Close gives its place back.
//
// It tries again, in a tunnel that did not exist when the last try began, when
// the peer refused the stream (four tries at most: a workload that moves again
// and again refuses it each time), or once when a tunnel made before this
// call died before the answer. The latter is how a crash of the peer looks from
// here: its old tunnels are found dead one by one, and a new one is served by
// its successor. Both are safe: no byte of the application is sent before the
// 200, and none from the other side was handed out. At worst an application
// behind the dead tunnel saw a connection without a byte in it.
func (p *Pool) Open(ctx context.Context, k Key, head hbone.Head) (Stream, hbone.Header, error) {
	s, h, err := p.open(ctx, k, head, false)
	for try := 1; again(err, try) && ctx.Err() == nil; try++ {
		p.mu.Lock()
		p.counts.Retries++
		p.mu.Unlock()
		s, h, err = p.open(ctx, k, head, true)
	}
	return s, h, err
}

// maxTries bounds how often one stream is opened.
const maxTries = 4

// reusedError marks the loss of a tunnel that was there before us. A fresh one
// that dies is no stale connection, but an answer.
type reusedError struct{ *LostError }

func (e reusedError) Unwrap() error { return e.LostError }

// again says whether a stream that failed with err is tried once more. A tunnel that
// has no room locally, or is lost, is no worse after a second try.
func again(err error, try int) bool {
	var refused *RefusedError
	if errors.As(err, &refused) && refused.Reason == Refused {
		return try < maxTries
	}
	var reused reusedError
	return try == 1 && (refused != nil || errors.As(err, &reused))
}

func (p *Pool) open(ctx context.Context, k Key, head hbone.Head, fresh bool) (Stream, hbone.Header, error) {
	t, reused, err := p.acquire(ctx, k, fresh)
	if err != nil {
		return nil, hbone.Header{}, err
	}
	s, h, err := t.Open(ctx, head)
	if err == nil {
		return p.leaseOf(s, t), h, nil
	}
	var lost *LostError
	if errors.As(err, &lost) {
		p.retire(t)
		if reused {
			err = reusedError{lost}
		}
	}
	p.release(t)
	return nil, h, err
}

// Drain lets the open streams finish and ends each tunnel with its last one; no
// new stream is opened. It does not wait.
func (p *Pool) Drain() {
	p.mu.Lock()
	p.draining = true
	var all []*pooled
	for _, g := range p.groups {
		all = append(all, g.tunnels...)
	}
	p.mu.Unlock()
	for _, t := range all {
		p.retire(t)
	}
}

// Close ends all tunnels with their streams and all dials, and waits until
// nothing of the pool runs.
func (p *Pool) Close() {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	p.cancel()
	p.runs.Wait()
}

// Stats returns the counts.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.Keys, s.Tunnels, s.Streams = len(p.groups), p.tunnels, p.streams
	return s
}
