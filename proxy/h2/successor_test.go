package h2

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// What package tunnel promises of a pool, over real tunnels: the peer's GOAWAY reaches
// it, a successor is there before the next stream, and the old stream goes on.
// Conformance 53: a new tunnel is there before the next stream.
func TestAPoolHasASuccessorForADrainedTunnel(t *testing.T) {
	a := &accepted{streams: make(chan tunnel.Stream, 10), done: make(chan struct{})}
	var mu sync.Mutex
	var servers []*served
	pool := tunnel.NewPool(func(ctx context.Context, _ tunnel.Key) (tunnel.Tunnel, time.Time, error) {
		near, far := loopback(t)
		s := serve(Options{}, far, a.handle)
		mu.Lock()
		servers = append(servers, s)
		mu.Unlock()
		tn, err := New(Options{}).Client(ctx, near)
		return tn, time.Time{}, err
	}, tunnel.PoolOptions{})
	old, _, err := pool.Open(t.Context(), tunnel.Key{}, target)
	if err != nil {
		t.Fatal(err)
	}
	far := a.next(t)
	servers[0].drain()
	waitFor(t, "a successor", func() bool { return pool.Stats().Successors == 1 })
	next, _, err := pool.Open(t.Context(), tunnel.Key{}, target)
	if err != nil {
		t.Fatal(err)
	}
	if s := pool.Stats(); s.Dials != 2 || s.Tunnels != 2 {
		t.Errorf("%+v, want two tunnels, the old one for its stream", s)
	}
	write(t, old, "still")
	old.CloseWrite()
	if got := readAll(t, far); got != "still" {
		t.Errorf("read %q in the old stream", got)
	}
	old.Close()
	next.Close()
	a.release()
	pool.Close()
	for _, s := range servers {
		s.wait(t)
		s.drain()
	}
}
