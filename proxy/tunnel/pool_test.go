package tunnel

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// inBubble runs a test with a pool over fake tunnels, in fake time.
func inBubble(t *testing.T, d *dialer, f func(t *testing.T, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(d.dial, PoolOptions{})
		f(t, p)
		p.Close()
		if s := p.Stats(); s.Keys != 0 || s.Tunnels != 0 {
			t.Errorf("left in the closed pool: %+v", s)
		}
	})
}

func mustOpen(t *testing.T, p *Pool, k Key) Stream {
	t.Helper()
	s, _, err := p.Open(t.Context(), k, hbone.Head{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// together opens n streams at once and returns them.
func together(t *testing.T, p *Pool, n int, k func(i int) Key) []Stream {
	t.Helper()
	streams := make([]Stream, n)
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() {
			s, _, err := p.Open(t.Context(), k(i), hbone.Head{})
			if err != nil {
				t.Errorf("open %d: %v", i, err)
			}
			streams[i] = s
		})
	}
	g.Wait()
	return streams
}

func same(int) Key { return key(1) }

func closeAll(s []Stream) {
	for _, s := range s {
		s.Close()
	}
}

func wantTunnels(t *testing.T, d *dialer, n int) {
	t.Helper()
	if got := d.made(); got != n {
		t.Errorf("%d tunnels were made, want %d", got, n)
	}
}

// Conformance 49: one tunnel for streams one after the other.
func TestTunnelsAreReused(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		for range 3 {
			mustOpen(t, p, key(1)).Close()
		}
		wantTunnels(t, d, 1)
	})
}

// Conformance 50: each part of the key makes a difference.
func TestEachKeyHasItsOwnTunnel(t *testing.T) {
	id := func(name string) identity.ID {
		id, err := identity.New("cluster.local", "ns", name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	base := key(1)
	keys := []Key{base}
	for _, change := range []func(*Key){
		func(k *Key) { k.Source = id("a") },
		func(k *Key) { k.Source = id("b") },
		func(k *Key) { k.Destination = Destinations(id("a")) },
		func(k *Key) { k.Destination = Destinations(id("a"), id("b")) },
		func(k *Key) { k.Address = key(2).Address },
		func(k *Key) { k.SourceIP = key(3).Address.Addr() },
	} {
		k := base
		change(&k)
		keys = append(keys, k)
	}
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		for range 2 {
			for _, k := range keys {
				defer mustOpen(t, p, k).Close()
			}
		}
		wantTunnels(t, d, len(keys))
	})
}

func TestDestinationsIsCanonical(t *testing.T) {
	a, _ := identity.New("td", "ns", "a")
	b, _ := identity.New("td", "ns", "b")
	if Destinations(a, b) != Destinations(b, a, b) || Destinations(a) == Destinations(b) {
		t.Error("order or repetition makes a difference, or the identity does not")
	}
}

// Conformance 51: 4 streams at 2 each are 2 tunnels, 5 more are 3 new ones.
func TestFullTunnelsMakeAnother(t *testing.T) {
	d := &dialer{limit: 2}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		var open []Stream
		for range 4 {
			open = append(open, mustOpen(t, p, key(1)))
		}
		wantTunnels(t, d, 2)
		for range 5 {
			open = append(open, mustOpen(t, p, key(1)))
		}
		wantTunnels(t, d, 5)
		closeAll(open)
		mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 5) // a tunnel that was full is as good as new
	})
}

// Conformance 51: the same when all come at once.
func TestFullTunnelsMakeAnotherAtOnce(t *testing.T) {
	d := &dialer{limit: 2, takes: time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		open := together(t, p, 4, same)
		wantTunnels(t, d, 2)
		open = append(open, together(t, p, 5, same)...)
		wantTunnels(t, d, 5)
		closeAll(open)
	})
}

// Conformance 52: 50 streams, 50 tunnels, dialled side by side.
func TestOneStreamPerTunnel(t *testing.T) {
	d := &dialer{limit: 1, takes: time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		begin := time.Now()
		closeAll(together(t, p, 50, same))
		wantTunnels(t, d, 50)
		// The first dial says that a tunnel takes one; the others then run side by side.
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("took %v: one dial after the other", took)
		}
	})
}

func TestPoolHasALimitOfItsOwn(t *testing.T) {
	d := &dialer{limit: 1 << 30}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		open := together(t, p, 101, same)
		wantTunnels(t, d, 2)
		closeAll(open)
	})
}

// Conformance 53: the old tunnel lives as long as its stream.
func TestGoAwayMakesAnother(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		old := mustOpen(t, p, key(1))
		d.tunnels[0].Drain()
		mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 2)
		if d.tunnels[0].closed {
			t.Error("the old tunnel was closed under its stream")
		}
		old.Close()
		synctest.Wait()
		if s := p.Stats(); s.Tunnels != 1 {
			t.Errorf("%+v, want the old tunnel gone", s)
		}
	})
}

// Conformance 54: after five minutes without a stream, counted from the last.
func TestIdleTunnelsAreEvicted(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		mustOpen(t, p, key(1)).Close()
		time.Sleep(4 * time.Minute)
		mustOpen(t, p, key(1)).Close() // starts the five minutes again
		time.Sleep(4*time.Minute + 59*time.Second)
		synctest.Wait()
		wantTunnels(t, d, 1)
		if s := p.Stats(); s.Tunnels != 1 {
			t.Errorf("evicted too early: %+v", s)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Tunnels != 0 || s.Keys != 0 || s.Evictions != 1 {
			t.Errorf("not evicted: %+v", s)
		}
		mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 2)
	})
}

// Conformance 55: an hour is nothing to an open stream.
func TestOpenStreamsKeepTheirTunnel(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		s := mustOpen(t, p, key(1))
		time.Sleep(time.Hour)
		synctest.Wait()
		if d.tunnels[0].closed {
			t.Fatal("closed under an open stream")
		}
		s.Close()
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Tunnels != 0 {
			t.Errorf("not evicted: %+v", s)
		}
	})
}

// Conformance 56: 100 streams over 1 key, 300 over 3, 1000 over 100.
func TestStress(t *testing.T) {
	for name, c := range map[string]struct{ streams, keys int }{
		"single": {100, 1}, "multi": {300, 3}, "many": {1000, 100},
	} {
		t.Run(name, func(t *testing.T) {
			d := &dialer{limit: 100, takes: time.Second}
			inBubble(t, d, func(t *testing.T, p *Pool) {
				open := together(t, p, c.streams, func(i int) Key { return key(byte(i % c.keys)) })
				wantTunnels(t, d, c.keys)
				closeAll(open)
			})
		})
	}
}

// Conformance 56: 200 at once, never more than the limit.
func TestTunnelsNeverCarryMoreThanTheirLimit(t *testing.T) {
	d := &dialer{limit: 7, takes: time.Millisecond}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		var g sync.WaitGroup
		for i := range 200 {
			g.Go(func() {
				for range 20 {
					s := mustOpen(t, p, key(1))
					time.Sleep(time.Duration(i) * time.Millisecond)
					s.Close()
				}
			})
		}
		g.Wait()
		for i, f := range d.tunnels {
			if f.most > 7 {
				t.Errorf("tunnel %d carried %d", i, f.most)
			}
		}
		if s := p.Stats(); s.Streams != 0 || s.Retries != 0 {
			t.Errorf("%+v, want no stream and no retry", s)
		}
	})
}

func TestAFailedDialFailsAllWhoWait(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Second, err: errDial}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		var g sync.WaitGroup
		for range 20 {
			g.Go(func() {
				_, _, err := p.Open(t.Context(), key(1), hbone.Head{})
				var de *DialError
				if !errors.As(err, &de) || de.Key != key(1) || !errors.Is(err, errDial) {
					t.Errorf("got %v", err)
				}
			})
		}
		g.Wait()
		if s := p.Stats(); s.Dials != 1 || s.Failures != 1 || s.Keys != 0 {
			t.Errorf("%+v", s)
		}
		d.err = nil
		mustOpen(t, p, key(1)).Close() // a failure is not remembered
	})
}

func TestAPanicWhileDiallingIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(func(context.Context, Key) (Tunnel, time.Time, error) { panic("boom") }, PoolOptions{})
		defer p.Close()
		var de *DialError
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.As(err, &de) {
			t.Errorf("got %v", err)
		}
	})
}

// One who leaves does not take the dial along; the last one does.
func TestADialLastsWhileSomebodyWaits(t *testing.T) {
	d := &dialer{limit: 100, takes: 10 * time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		ctx, leave := context.WithCancel(t.Context())
		var g sync.WaitGroup
		g.Go(func() {
			if _, _, err := p.Open(ctx, key(1), hbone.Head{}); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left got %v", err)
			}
		})
		synctest.Wait()
		g.Go(func() { mustOpen(t, p, key(1)).Close() })
		time.Sleep(time.Second)
		leave()
		g.Wait()
		if len(d.ended) != 0 {
			t.Error("the dial was cancelled under its second waiter")
		}
		wantTunnels(t, d, 1)
	})
}

func TestADialEndsWithItsLastWaiter(t *testing.T) {
	d := &dialer{limit: 100, takes: 10 * time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var g sync.WaitGroup
		for range 3 {
			g.Go(func() {
				if _, _, err := p.Open(ctx, key(1), hbone.Head{}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		g.Wait()
		synctest.Wait()
		if s := p.Stats(); len(d.ended) != 1 || s.Keys != 0 {
			t.Errorf("%d dials cancelled, %+v", len(d.ended), s)
		}
		d.takes = 0
		mustOpen(t, p, key(1)).Close() // does not join the cancelled dial
	})
}

// A dial knows what whoever began it says in its context, and ends with the pool and not
// with that.
func TestADialHasTheValuesOfItsFirstWaiter(t *testing.T) {
	type word struct{}
	synctest.Test(t, func(t *testing.T) {
		said := make(chan any, 1)
		p := NewPool(func(ctx context.Context, _ Key) (Tunnel, time.Time, error) {
			said <- ctx.Value(word{})
			<-ctx.Done()
			return nil, time.Time{}, ctx.Err()
		}, PoolOptions{})
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), word{}, "first"))
		var both sync.WaitGroup
		both.Go(func() { _, _, _ = p.Open(ctx, key(1), hbone.Head{}) })
		synctest.Wait()
		both.Go(func() {
			if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.Is(err, ErrPoolClosed) {
				t.Errorf("the second got %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if s := p.Stats(); s.Dials != 1 || s.Failures != 0 {
			t.Errorf("when the first has left: %+v", s)
		}
		p.Close()
		both.Wait()
		if got := <-said; got != "first" {
			t.Errorf("the dial was told %v", got)
		}
	})
}

func TestADialIsGivenUp(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Hour}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		begin := time.Now()
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// A dial to one destination holds up nobody who wants another, or who finds a
// tunnel with room.
func TestNoLockIsHeldWhileDialling(t *testing.T) {
	d := &dialer{limit: 1}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		held := mustOpen(t, p, key(1))
		d.takes = time.Minute
		go p.Open(t.Context(), key(1), hbone.Head{})
		synctest.Wait()
		d.takes = 0
		begin := time.Now()
		mustOpen(t, p, key(2)).Close()
		held.Close()
		mustOpen(t, p, key(1)).Close()
		p.Stats()
		if time.Since(begin) != 0 {
			t.Error("somebody waited")
		}
	})
}

// After a crash of the peer its tunnels are found dead one after the other: the
// retry must not take the next dead one.
func TestADeadTunnelIsReplaced(t *testing.T) {
	d := &dialer{limit: 1}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		closeAll([]Stream{mustOpen(t, p, key(1)), mustOpen(t, p, key(1)), mustOpen(t, p, key(1))})
		wantTunnels(t, d, 3)
		for _, f := range d.tunnels {
			f.breakWith(&LostError{io.ErrUnexpectedEOF})
		}
		s := mustOpen(t, p, key(1))
		wantTunnels(t, d, 4)
		s.Close()
		synctest.Wait()
		if s := p.Stats(); s.Retries != 1 || s.Tunnels != 3 {
			t.Errorf("%+v, want one retry and the dead tunnel dropped", s)
		}
	})
}

// A fresh tunnel that dies is an answer, not an accident: no second try.
func TestADeadFreshTunnelIsAnError(t *testing.T) {
	var dials int
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(func(ctx context.Context, k Key) (Tunnel, time.Time, error) {
			dials++
			f := &fakeTunnel{limit: 100, done: make(chan struct{})}
			f.breakWith(&LostError{io.EOF})
			return f, time.Time{}, nil
		}, PoolOptions{})
		defer p.Close()
		var lost *LostError
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.As(err, &lost) || dials != 1 {
			t.Errorf("got %v after %d dials", err, dials)
		}
	})
}

// A workload that has moved twice refuses twice; one that always refuses is not asked for ever.
func TestARefusedStreamIsTriedInOtherTunnels(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		defer mustOpen(t, p, key(1)).Close()
		d.tunnels[0].breakWith(&RefusedError{Refused})
		defer mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 2)
		d.tunnels[1].breakWith(&RefusedError{Refused})
		d.err = errDial
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.Is(err, errDial) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPeerThatRefusesEveryStream(t *testing.T) {
	d := &dialer{limit: 100, broken: &RefusedError{Refused}}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		var refused *RefusedError
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.As(err, &refused) || refused.Reason != Refused {
			t.Errorf("got %v", err)
		}
		if s := p.Stats(); d.dials != maxTries || s.Retries != maxTries-1 || s.Streams != 0 {
			t.Errorf("%d dials, %+v", d.dials, s)
		}
	})
}

func TestOtherAnswersAreFinal(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		mustOpen(t, p, key(1)).Close()
		for _, want := range []error{&StatusError{503}, &ResetError{Code: 2, Name: "INTERNAL_ERROR"}, context.Canceled} {
			d.tunnels[0].breakWith(want)
			if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		if s := p.Stats(); s.Retries != 0 || s.Streams != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAPeerThatTakesNoStreams(t *testing.T) {
	d := &dialer{limit: 0, takes: 100 * time.Millisecond}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		refused := func() {
			t.Helper()
			var refused *RefusedError
			if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.As(err, &refused) || refused.Reason != Full {
				t.Errorf("got %v", err)
			}
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(refused)
		}
		all.Wait()
		refused()
		wantTunnels(t, d, 1)
		time.Sleep(shutFor)
		refused()
		synctest.Wait()
		wantTunnels(t, d, 2) // it may be another process by now
		if s := p.Stats(); s.Tunnels != 1 {
			t.Errorf("%+v, want the old tunnel gone", s)
		}
		d.tunnels[1].setLimit(5) // SETTINGS in the tunnel that was kept
		mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 2)
	})
}

// A peer that is about to end takes no more streams in the tunnels that it has; its successor does, in a new one.
func TestAPeerThatTakesNoMoreStreams(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		old := mustOpen(t, p, key(1))
		time.Sleep(2 * shutFor)
		d.tunnels[0].setLimit(0)
		mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 2)
		old.Close()
	})
}

func TestDrain(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		s := mustOpen(t, p, key(1))
		mustOpen(t, p, key(2)).Close()
		p.Drain()
		synctest.Wait()
		if _, _, err := p.Open(t.Context(), key(1), hbone.Head{}); err != ErrPoolClosed {
			t.Errorf("open after drain: %v", err)
		}
		if st := p.Stats(); st.Tunnels != 1 || d.tunnels[0].closed {
			t.Errorf("%+v, want the tunnel in use and no other", st)
		}
		s.Close()
		synctest.Wait()
		if st := p.Stats(); st.Tunnels != 0 {
			t.Errorf("%+v after the last stream", st)
		}
	})
}

func TestDrainWhileDialling(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		done := make(chan error)
		go func() {
			_, _, err := p.Open(t.Context(), key(1), hbone.Head{})
			done <- err
		}()
		synctest.Wait()
		p.Drain()
		if err := <-done; err != ErrPoolClosed {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Tunnels != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestCloseEndsDialsAndTunnels(t *testing.T) {
	d := &dialer{limit: 1}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		s := mustOpen(t, p, key(1))
		d.takes = time.Hour
		done := make(chan error)
		go func() {
			_, _, err := p.Open(t.Context(), key(1), hbone.Head{})
			done <- err
		}()
		synctest.Wait()
		go p.Close()
		if err := <-done; !errors.Is(err, ErrPoolClosed) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if !d.tunnels[0].closed {
			t.Error("the tunnel is open")
		}
		s.Close() // late, and harmless
		s.Close()
		if st := p.Stats(); st.Streams != 0 {
			t.Errorf("%+v", st)
		}
	})
}
