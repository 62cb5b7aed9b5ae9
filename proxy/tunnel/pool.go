package tunnel

import (
	"context"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// PoolOptions tune a pool; the zero value is right for production.
type PoolOptions struct {
	IdleTimeout time.Duration // a tunnel without streams is closed after this; 0 = 5 min
	DialTimeout time.Duration // a dial is given up after this, whoever waits; 0 = 30 s
	MaxStreams  int           // per tunnel, below the peer's own limit; 0 = 100
}

// Stats counts what a pool did and has.
type Stats struct {
	Keys, Tunnels, Streams              int   // now
	Dials, Failures, Retries, Evictions int64 // since the start
}

// Pool opens streams, through as few tunnels as possible.
type Pool struct{}

// NewPool returns a pool that makes its tunnels with dial.
func NewPool(dial func(ctx context.Context, k Key) (Tunnel, error), o PoolOptions) *Pool {
	return &Pool{}
}

// Open opens a stream in a tunnel for k, dialling one when none has room.
func (p *Pool) Open(ctx context.Context, k Key, head hbone.Head) (Stream, hbone.Header, error) {
	return nil, hbone.Header{}, ErrPoolClosed
}

// Drain lets the open streams finish and closes each tunnel with its last one;
// no new stream is opened. It does not wait.
func (p *Pool) Drain() {}

// Close ends all tunnels and their streams and waits until nothing runs.
func (p *Pool) Close() {}

// Stats returns the counts.
func (p *Pool) Stats() Stats { return Stats{} }
