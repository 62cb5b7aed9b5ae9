package h2

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Streams that write into a sink by themselves.

// sink takes as much as take says, and hears of the end.
type sink struct {
	take func(n int) (int, error) // of n bytes at once; nil: all

	mu    sync.Mutex
	sum   hash.Hash
	n     int64
	hold  chan struct{} // Write waits for it, when not nil
	ended chan error
	broke chan error
}

func newSink() *sink {
	return &sink{sum: sha256.New(), ended: make(chan error, 10), broke: make(chan error, 10)}
}

func (s *sink) Ended(err error) { s.ended <- err }
func (s *sink) Broke(err error) { s.broke <- err }

func (s *sink) Write(p []byte) (int, error) {
	if s.hold != nil {
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += int64(len(p))
	return s.sum.Write(p)
}

func (s *sink) TryWrite(v [][]byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range v {
		k := len(p)
		if s.take != nil {
			if k, err = s.take(len(p)); err != nil {
				return n, err
			}
		}
		s.sum.Write(p[:k])
		s.n += int64(k)
		if n += k; k < len(p) {
			break
		}
	}
	return n, nil
}

// wantEnd waits for the one Ended.
func (s *sink) wantEnd(t *testing.T) (err error) {
	t.Helper()
	within(t, "the end of a forwarded stream", func() { err = <-s.ended })
	return err
}

func (s *sink) once(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.ended:
		t.Errorf("ended twice, then with %v", err)
	default:
	}
}

func forward(s tunnel.Stream, to *sink) { s.(tunnel.Forwarder).Forward(to, to) }

// Whatever a sink takes at once, all arrives in order, and the end comes once, behind it.
func TestForwardedBytesArriveInOrder(t *testing.T) {
	for name, take := range map[string]func(rng *rand.Rand, n int) int{
		"all":       func(_ *rand.Rand, n int) int { return n },
		"nothing":   func(*rand.Rand, int) int { return 0 },
		"some":      func(rng *rand.Rand, n int) int { return rng.IntN(n + 1) },
		"now a bit": func(rng *rand.Rand, n int) int { return min(n, rng.IntN(2)*rng.IntN(3)) },
	} {
		for when, late := range map[string]bool{"at once": false, "late": true} {
			t.Run(name+", "+when, func(t *testing.T) {
				const size = 8 << 20
				tn, _, a := acceptPair(t, Options{})
				c, s := open(t, tn), a.next(t)
				to, rng := newSink(), rand.New(rand.NewPCG(1, 2))
				to.take = func(n int) (int, error) { return take(rng, n), nil }
				if !late {
					forward(s, to)
				}
				go func() {
					_, _ = io.Copy(struct{ io.Writer }{c}, random(7, size))
					_ = c.CloseWrite()
				}()
				if late {
					write(t, s, "x") // the bytes come meanwhile
					_, _ = c.Read(make([]byte, 1))
					forward(s, to)
				}
				if err := to.wantEnd(t); err != nil {
					t.Error(err)
				}
				if want, _, _ := sum(random(7, size)); [32]byte(to.sum.Sum(nil)) != want || to.n != size {
					t.Errorf("%d bytes of %d arrived, or not in order", to.n, size)
				}
				to.once(t)
			})
		}
	}
}

// What a sink does to itself ends its stream, and no other.
func TestASinkThatFails(t *testing.T) {
	broken := errors.New("broken")
	for name, to := range map[string]*sink{
		"an error at once":       {take: func(int) (int, error) { return 0, broken }},
		"a panic at once":        {take: func(int) (int, error) { panic(broken) }},
		"a panic while it waits": {take: func(int) (int, error) { return 0, nil }, sum: nil}, // Write is of a nil hash
	} {
		t.Run(name, func(t *testing.T) {
			tn, _, a := acceptPair(t, Options{})
			near, far := open(t, tn), a.next(t)
			c, s := open(t, tn), a.next(t)
			to.ended, to.broke = make(chan error, 10), make(chan error, 10)
			forward(s, to)
			write(t, c, "bytes")
			if err := to.wantEnd(t); err == nil {
				t.Error("the end was clean")
			}
			go func() { _, _ = c.Write(make([]byte, 1<<20)) }() // late bytes have nowhere to go
			transfer(t, near, far)
			transfer(t, far, near)
			to.once(t)
			s.Close()
		})
	}
}

// A break is told, before the end of the stream and after it; our own is not.
func TestABreakIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *wire)
		code http2.ErrCode
	}{
		"reset": {func(w *wire) { w.must(w.fr.WriteRSTStream(1, http2.ErrCodeConnect)) }, http2.ErrCodeConnect},
		"reset behind bytes": {func(w *wire) {
			w.must(w.fr.WriteData(1, false, []byte("x")))
			w.must(w.fr.WriteRSTStream(1, http2.ErrCodeCancel))
		}, http2.ErrCodeCancel},
		"reset behind END_STREAM": {func(w *wire) {
			w.must(w.fr.WriteData(1, true, []byte("x")))
			w.must(w.fr.WriteRSTStream(1, http2.ErrCodeCancel))
		}, http2.ErrCodeCancel},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := wireAccepting(t, Options{})
			to := newSink()
			forward(acceptOn(w, a, 1), to)
			c.end(w)
			err := to.wantEnd(t)
			if name == "reset behind END_STREAM" {
				if err != nil {
					t.Errorf("ended with %v", err)
				}
				within(t, "the break", func() { err = <-to.broke })
			}
			wantReset(t, err, c.code)
			to.once(t)
		})
	}
	t.Run("loss", func(t *testing.T) {
		w, a := wireAccepting(t, Options{})
		to := newSink()
		forward(acceptOn(w, a, 1), to)
		w.c.Close()
		wantLost(t, to.wantEnd(t))
	})
	t.Run("loss behind an answer that waits for its sink", func(t *testing.T) {
		w, a := wireAccepting(t, Options{})
		to := newSink()
		to.take, to.hold = func(int) (int, error) { return 0, nil }, make(chan struct{})
		s := acceptOn(w, a, 1)
		forward(s, to)
		w.must(w.fr.WriteData(1, true, []byte("all of it")))
		waitFor(t, "END_STREAM", func() bool { return atEnd(s) })
		w.c.Close()
		waitFor(t, "the loss", func() bool { _, err := s.Write([]byte("x")); return err != nil })
		close(to.hold)
		if err := to.wantEnd(t); err != nil || to.n != 9 {
			t.Errorf("%d bytes, then %v; want all of the answer, and its end", to.n, err)
		}
		within(t, "the break", func() { wantLost(t, <-to.broke) })
		to.once(t)
	})
	t.Run("own close", func(t *testing.T) {
		w, a := wireAccepting(t, Options{})
		to := newSink()
		s := acceptOn(w, a, 1)
		forward(s, to)
		w.must(w.fr.WriteData(1, true, nil))
		if err := to.wantEnd(t); err != nil {
			t.Error(err)
		}
		s.Close()
		w.wantReset(1, http2.ErrCodeCancel)
		select {
		case err := <-to.broke:
			t.Errorf("told of our own close: %v", err)
		default:
		}
	})
}

// One sink of 100 that takes nothing: the others take all.
func TestOneStalledSinkOf100(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	stalled := newSink()
	stalled.take, stalled.hold = func(int) (int, error) { return 0, nil }, make(chan struct{})
	c := open(t, tn)
	forward(a.next(t), stalled)
	stuck := stuff(c)
	var sinks []*sink
	for range 99 {
		c, to := open(t, tn), newSink()
		forward(a.next(t), to)
		sinks = append(sinks, to)
		go func() {
			_, _ = c.Write(make([]byte, each))
			_ = c.CloseWrite()
		}()
	}
	for _, to := range sinks {
		if err := to.wantEnd(t); err != nil || to.n != each {
			t.Errorf("%d bytes of %d, %v", to.n, each, err)
		}
	}
	close(stalled.hold) // and now it takes
	if err := <-stuck; err != nil {
		t.Error(err)
	}
	c.Close()
	if err := stalled.wantEnd(t); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}
