package h3

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Floods of frames that cost work and move nothing, as proxy/h2 has them. What is a frame of HTTP/2's and none
// of HTTP/3's (PING, RST_STREAM, WINDOW_UPDATE, PRIORITY) is QUIC's matter; SETTINGS and PUSH_PROMISE are errors at
// the first one too many (TestHostile).

// scarce are limits that do not refill: no test may have to be fast.
func scarce() Options {
	l := newLimits()
	l.noise.PerSecond, l.resets.PerSecond = 0, 0
	return Options{limits: l}
}

// attacker is a peer that breaks the rules.
type attacker struct {
	q       *quic.Conn
	control *quic.SendStream
	stream  *quic.Stream // of a CONNECT that was answered
}

// bothEnds has an attack meet the accepting end and the dialling end.
func bothEnds(t *testing.T, attack func(t *testing.T, a *attacker)) {
	t.Run("accepting", func(t *testing.T) { attack(t, againstServer(t, echo)) })
	t.Run("dialling", func(t *testing.T) { attack(t, againstClient(t)) })
}

// greet opens the attacker's control stream.
func greet(t *testing.T, q *quic.Conn) *attacker {
	t.Helper()
	u, err := q.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte(uni(uniControl, frame(frameSettings, "")))); err != nil {
		t.Fatal(err)
	}
	return &attacker{q: q, control: u}
}

func againstServer(t *testing.T, h tunnel.Handler) *attacker {
	t.Helper()
	cq, sq, _ := loopback(t, Options{})
	s := serve(scarce(), sq, h)
	t.Cleanup(func() { _ = cq.CloseWithError(codeNo, ""); s.wait(t) })
	a := greet(t, cq)
	a.stream = a.request(t)
	return a
}

// request sends a CONNECT.
func (a *attacker) request(t *testing.T) *quic.Stream {
	t.Helper()
	r, err := a.q.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write([]byte(connect)); err != nil {
		t.Fatal(err)
	}
	return r
}

var connect = headersOf(":method", "CONNECT", ":authority", "10.0.0.1:80")

// againstClient answers the CONNECT of a user who reads.
func againstClient(t *testing.T) *attacker {
	t.Helper()
	a, asked := asked(t, scarce())
	if _, err := a.stream.Write(appendAnswer(nil, 200, target.Header)); err != nil {
		t.Fatal(err)
	}
	go func() {
		if s := <-asked; s != nil {
			_, _ = io.Copy(io.Discard, s)
			s.Close()
		}
	}()
	return a
}

// asked is an attacker that was sent a CONNECT, and what Open gave: nil after an error.
func asked(t *testing.T, o Options) (*attacker, <-chan tunnel.Stream) {
	t.Helper()
	cq, sq, _ := loopback(t, Options{})
	opened, done := make(chan tunnel.Stream, 1), make(chan struct{})
	go func() {
		defer close(done)
		defer close(opened)
		tn, err := New(o).Client(context.Background(), cq)
		if err != nil {
			t.Error(err)
			return
		}
		if s, _, err := tn.Open(context.Background(), target); err == nil {
			opened <- s
		}
		<-tn.Done()
	}()
	t.Cleanup(func() { _ = sq.CloseWithError(codeNo, ""); <-done })
	a := greet(t, sq)
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	var err error
	if a.stream, err = sq.AcceptStream(ctx); err != nil {
		t.Fatal(err)
	}
	return a, opened
}

// ends repeats do until the tunnel has ended, which it must with H3_EXCESSIVE_LOAD.
func (a *attacker) ends(t *testing.T, do func() error) {
	t.Helper()
	for end := time.Now().Add(hang); a.q.Context().Err() == nil && time.Now().Before(end); {
		if do() != nil {
			break
		}
	}
	select {
	case <-a.q.Context().Done():
	case <-time.After(hang):
		t.Fatal("the tunnel goes on")
	}
	var closed *quic.ApplicationError
	if err := context.Cause(a.q.Context()); !errors.As(err, &closed) || !closed.Remote || closed.ErrorCode != codeLoad {
		t.Errorf("got %v", err)
	}
}

// times writes a text in pieces of a thousand.
func times(w io.Writer, text string) func() error {
	many := []byte(strings.Repeat(text, 1000))
	return func() error { _, err := w.Write(many); return err }
}

// CVE-2019-9518, "empty frames flood".
func TestEmptyDataFlood(t *testing.T) {
	bothEnds(t, func(t *testing.T, a *attacker) { a.ends(t, times(a.stream, frame(frameData, ""))) })
}

// Types that nobody asked for, at a rate that nobody minds, do not end a tunnel.
func TestUnknownFrames(t *testing.T) {
	a := againstServer(t, echo)
	for i := range uint64(200) {
		for _, w := range []io.Writer{a.control, a.stream} {
			if _, err := w.Write([]byte(frame(0x21+0x1f*i, "abc"[:i%4]))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := a.stream.Write([]byte(frame(frameData, "x"))); err != nil {
		t.Fatal(err)
	}
	_ = a.stream.SetReadDeadline(time.Now().Add(hang))
	if _, err := readHeaders(a.stream, newLimits()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(frame(frameData, "x")))
	if _, err := io.ReadFull(a.stream, got); err != nil || string(got) != frame(frameData, "x") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUnknownFramesFlood(t *testing.T) {
	for name, payload := range map[string]string{"empty": "", "large": strings.Repeat("x", maxControl)} {
		t.Run("control, "+name, func(t *testing.T) {
			bothEnds(t, func(t *testing.T, a *attacker) { a.ends(t, times(a.control, frame(frameNothing, payload))) })
		})
		t.Run("request, "+name, func(t *testing.T) {
			bothEnds(t, func(t *testing.T, a *attacker) { a.ends(t, times(a.stream, frame(frameNothing, payload))) })
		})
	}
	t.Run("before HEADERS", func(t *testing.T) {
		a := againstServer(t, echo)
		a.ends(t, func() error {
			r, err := a.q.OpenStreamSync(a.q.Context())
			if err == nil {
				_, _ = r.Write([]byte(strings.Repeat(frame(frameNothing, ""), 100) + connect))
				r.CancelRead(codeCancelled)
				_ = r.Close()
			}
			return err
		})
	})
	t.Run("one without end", func(t *testing.T) {
		bothEnds(t, func(t *testing.T, a *attacker) {
			a.ends(t, times(a.stream, string(appendFrameHead(nil, frameNothing, 1<<40))+"x"))
		})
	})
}

// A peer that says that it leaves, and does not.
func TestGoAwayFlood(t *testing.T) {
	bothEnds(t, func(t *testing.T, a *attacker) { a.ends(t, times(a.control, frame(frameGoAway, "\x00"))) })
}

// Pushes that nobody makes may be cancelled, and allowed.
func TestPushFlood(t *testing.T) {
	for name, kind := range map[string]uint64{"CANCEL_PUSH": frameCancel, "MAX_PUSH_ID": frameMaxPush} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, func(t *testing.T, a *attacker) { a.ends(t, times(a.control, frame(kind, "\x00"))) })
		})
	}
}

// Interim answers, of which each request may have a few.
func TestInterimFlood(t *testing.T) {
	o := scarce()
	o.limits.noise.Burst = maxInterim / 2
	a, _ := asked(t, o)
	a.ends(t, func() error {
		_, err := a.stream.Write([]byte(headersOf(":status", "103")))
		return err
	})
}

// CVE-2023-44487, "rapid reset", with handlers that notice, and heads that come and do not.
func TestRapidReset(t *testing.T) {
	for name, head := range map[string]string{"begun": connect, "without a head": connect[:3]} {
		t.Run(name, func(t *testing.T) {
			var now, most atomic.Int64
			a := againstServer(t, func(in tunnel.Incoming) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				<-in.Context().Done()
			})
			a.ends(t, func() error {
				r, err := a.q.OpenStreamSync(a.q.Context())
				if err != nil {
					return err
				}
				_, _ = r.Write([]byte(head))
				r.CancelWrite(codeCancelled)
				r.CancelRead(codeCancelled)
				return nil
			})
			if m := most.Load(); m > 100 {
				t.Errorf("%d handlers were at work", m)
			}
		})
	}
}

// CVE-2025-8671, "MadeYouReset": the peer does something wrong on each stream, so that we reset it.
func TestMadeYouReset(t *testing.T) {
	a := againstServer(t, echo)
	a.ends(t, func() error {
		r, err := a.q.OpenStreamSync(a.q.Context())
		if err == nil {
			_, _ = r.Write(appendFrameHead(nil, frameHeaders, maxHeaders+1))
			_ = r.Close() // either may find it reset
		}
		return err
	})
}
