package h2

//lint:file-ignore SA1019 x/net/http2 is deprecated in favour of net/http, which cannot serve a single connection. It is still what to compare with.

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Readers that do not read. The same crowd of uploads runs over our two ends and over
// x/net/http2's, whose connection stops with the one that stalls.

// each is what a stream of the crowd uploads: with one more it is larger than any
// window that a stream may have.
const each = 1 << 20

// still is how long nothing may move until a transfer counts as stopped.
const still = 2 * time.Second

// uploads is one tunnel: upload opens a stream to a reader, or to one that never reads,
// and returns where to write.
type uploads interface {
	upload(t *testing.T, reads bool) io.WriteCloser
}

// crowd is what the readers of a tunnel have had.
type crowd struct {
	read atomic.Int64 // bytes that readers have had
	done atomic.Int64 // streams read to their end
}

// take reads a stream of the crowd to its end.
func (c *crowd) take(r io.Reader) {
	if _, err := io.Copy(counter{&c.read}, r); err == nil {
		c.done.Add(1)
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// stopped waits until n stops moving, and reports false when goal is reached before.
func stopped(n *atomic.Int64, goal int64) bool {
	last, since := n.Load(), time.Now()
	for {
		time.Sleep(5 * time.Millisecond)
		now := n.Load()
		switch {
		case now >= goal:
			return false
		case now != last:
			last, since = now, time.Now()
		case time.Since(since) > still:
			return true
		}
	}
}

// stallOne uploads to one reader that never reads until its writer is stuck, and then
// to n others. It reports whether they got stuck too.
func stallOne(t *testing.T, u uploads, c *crowd, n int) bool {
	var sent atomic.Int64
	var writers sync.WaitGroup
	t.Cleanup(writers.Wait)
	stalled := u.upload(t, false)
	writers.Go(func() { _, _ = io.Copy(io.MultiWriter(stalled, counter{&sent}), random(1, 64<<20)) })
	if !stopped(&sent, 64<<20) {
		t.Fatal("64 MiB went to a reader that does not read")
	}
	for range n {
		w := u.upload(t, true)
		writers.Go(func() {
			_, _ = io.Copy(w, random(1, each))
			_ = w.Close()
		})
	}
	return stopped(&c.read, int64(n)*each)
}

// ours is our tunnel.
type ours struct{ tn tunnel.Tunnel }

// halfCloser ends its direction at Close.
type halfCloser struct{ tunnel.Stream }

func (h halfCloser) Close() error { return h.CloseWrite() }

func (o ours) upload(t *testing.T, reads bool) io.WriteCloser {
	head := target
	if !reads {
		head = hbone.Head{Method: hbone.MethodConnect, RawAuthority: neighbour}
	}
	s, _, err := o.tn.Open(context.Background(), head)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return halfCloser{s}
}

func TestOneStalledReaderOf100(t *testing.T) {
	var c crowd
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) {
		s, err := in.Accept(hbone.Header{})
		if err != nil {
			return
		}
		defer s.Close()
		if in.Head().RawAuthority == neighbour {
			<-in.Context().Done()
			return
		}
		c.take(s)
	})
	if stallOne(t, ours{tn}, &c, 99) {
		t.Errorf("%d streams of 99 ended, %d bytes arrived, and nothing moves", c.done.Load(), c.read.Load())
	}
	if n := c.read.Load(); n != 99*each {
		t.Errorf("%d bytes arrived of %d", n, 99*each)
	}
	tn.Close() // the stalled writer ends
}

// theirs is a tunnel between both ends of x/net/http2.
type theirs struct{ c *http2.ClientConn }

func (x theirs) upload(t *testing.T, reads bool) io.WriteCloser {
	pr, pw := io.Pipe()
	r := connectRequest(t.Context(), pr)
	if !reads {
		r.Host = neighbour
	}
	res, err := x.c.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return pw
}

// The control: over x/net/http2 the same test must show the stall (golang/go#54330).
func TestOneStalledReaderOf100OverXNet(t *testing.T) {
	var c crowd
	cc, sc := loopback(t)
	served := make(chan struct{})
	go func() {
		defer close(served)
		(&http2.Server{}).ServeConn(sc, &http2.ServeConnOpts{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			if r.Host == neighbour {
				<-r.Context().Done()
				return
			}
			c.take(r.Body)
		})})
	}()
	client, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(cc)
	if err != nil {
		t.Fatal(err)
	}
	if !stallOne(t, theirs{client}, &c, 99) {
		t.Error("nothing stalled over x/net/http2: this test says nothing about ours")
	}
	t.Logf("%d streams of 99 ended, %d bytes arrived", c.done.Load(), c.read.Load())
	cc.Close()
	<-served
}

// I4: 20 stalled readers of one workload, and another workload loses nothing. What waits
// is charged to the workload whose readers stall, and within its budget.
func TestStalledReadersOfAnotherWorkload(t *testing.T) {
	const limit = 8 << 20
	greedy := budget.NewAccount(budget.Limits{Bytes: limit}, budget.NewTurns(1))
	other := budget.NewAccount(budget.Limits{Bytes: 64 << 20}, budget.NewTurns(1)) // of both ends of its tunnel
	stalls, _, a := acceptPair(t, Options{Account: greedy})
	for range 20 {
		stuff(open(t, stalls))
		a.next(t)
	}
	waitFor(t, "the stalled streams to be full", func() bool { return greedy.Buffered() > 20*initialWindow })
	tn, _ := pair(t, Options{Account: other}, echo)
	var g sync.WaitGroup
	for range 10 {
		s := open(t, tn)
		g.Go(func() { echoes(t, s, s.CloseWrite, s, 4<<20) })
	}
	within(t, "the other workload", g.Wait)
	if n := greedy.Buffered(); n < 20*initialWindow || n > limit {
		t.Errorf("%d bytes are charged to the workload that stalls, limit %d", n, limit)
	}
	if c := other.Counts(); c.Refused != [len(c.Refused)]uint64{} {
		t.Errorf("the other workload was refused: %+v", c)
	}
	waitFor(t, "the other workload's bytes to be given back", func() bool { return other.Buffered() == 0 })
}
