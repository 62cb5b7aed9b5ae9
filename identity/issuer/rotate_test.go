package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// Conformance 29: a new SVID at half life.
func TestRotatesAtHalfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, time.Hour)
		i := run(t, s, issuer.Options{Jitter: func() float64 { return 0.5 }})
		for n := 1; n <= 5; n++ {
			svid := mustSVID(t, i)
			half := svid.NotBefore.Add(svid.NotAfter.Sub(svid.NotBefore) / 2)
			pass(time.Until(half) - time.Nanosecond)
			if calls := s.times(); len(calls) != n || mustSVID(t, i) != svid {
				t.Fatalf("rotation %d: %d calls before half life", n, len(calls))
			}
			pass(time.Nanosecond)
			if calls := s.times(); len(calls) != n+1 || !calls[n].Equal(half) {
				t.Fatalf("rotation %d: calls at %v; want the last at %s", n, calls, half)
			}
			next := mustSVID(t, i)
			old := svid.Certificate.PrivateKey.(*ecdsa.PrivateKey)
			if next == svid || next.Certificate == svid.Certificate || old.Equal(next.Certificate.PrivateKey) {
				t.Fatalf("rotation %d: certificate or key is the old one", n)
			}
		}
	})
}

// Conformance 41: the first pause after a success is the shortest again.
func TestBackoff(t *testing.T) {
	seconds := []float64{0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150}
	for _, test := range []struct{ jitter, factor float64 }{{0, 0.8}, {0.5, 1}, {1, 1.2}} {
		synctest.Test(t, func(t *testing.T) {
			s := newSigner(t, time.Hour)
			s.fail()
			i := run(t, s, issuer.Options{Jitter: func() float64 { return test.jitter }})
			pass(15 * time.Minute)
			calls := s.times()
			if len(calls) < len(seconds) {
				t.Fatalf("only %d calls in 15 minutes", len(calls))
			}
			for n, want := range seconds[:min(len(seconds), len(calls)-1)] {
				got, want := calls[n+1].Sub(calls[n]), time.Duration(want*test.factor*float64(time.Second))
				if (got - want).Abs() > time.Microsecond {
					t.Errorf("jitter %v: pause %d is %s, want %s", test.jitter, n, got, want)
				}
			}
			// A success makes the next failure start from the beginning.
			s.answerWith(nil)
			<-i.Ready()
			s.fail()
			before := len(s.times())
			pass(36 * time.Minute) // half life and its spread
			calls = s.times()[before:]
			if len(calls) < 2 {
				t.Fatalf("%d calls after half life", len(calls))
			}
			if first := calls[1].Sub(calls[0]); first > 600*time.Millisecond {
				t.Errorf("jitter %v: first pause after a success is %s", test.jitter, first)
			}
		})
	}
}

func TestDefaultJitterSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pauses := map[time.Duration]bool{}
		for range 20 {
			s := newSigner(t, time.Hour)
			s.fail()
			run(t, s, issuer.Options{})
			pass(time.Second)
			calls := s.times()
			pause := calls[1].Sub(calls[0])
			if pause < 400*time.Millisecond || pause > 600*time.Millisecond {
				t.Errorf("pause %s is not within 20 %% of 0.5 s", pause)
			}
			pauses[pause] = true
		}
		if len(pauses) < 10 {
			t.Errorf("20 issuers paused in step: %v", pauses)
		}
	})
}

// Conformance 42: kept until its end.
func TestKeepsItsSVIDThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, time.Hour)
		i := run(t, s, issuer.Options{})
		svid := mustSVID(t, i)
		s.fail()
		for time.Now().Before(svid.NotAfter) {
			if got, err := i.SVID(); err != nil || got != svid {
				t.Fatalf("%s before its end: %v, %v", time.Until(svid.NotAfter), got, err)
			}
			pass(min(time.Minute, time.Until(svid.NotAfter)))
		}
		mustSVID(t, i) // valid in its last instant
		if calls := len(s.times()); calls < 10 {
			t.Errorf("only %d attempts during half an hour's outage", calls)
		}
		pass(1)
		_, err := i.SVID()
		if expired, ok := errors.AsType[*identity.ExpiredError](err); !ok || expired.ID != svid.ID || !expired.NotAfter.Equal(svid.NotAfter) {
			t.Fatalf("after its end: %v; want an *ExpiredError", err)
		}
		s.answerWith(nil)
		pass(181 * time.Second) // the longest pause
		if got := mustSVID(t, i); got == svid {
			t.Error("the old SVID came back")
		}
	})
}

// TestBadAnswers: what a Signer returns is checked, and a bad answer costs nothing that was there.
// Conformance 34: an empty chain, and roots that are missing.
// Conformance 35: another identity, or another's key.
func TestBadAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, err := identity.New("td", "a", "other")
		if err != nil {
			t.Fatal(err)
		}
		s := newSigner(t, time.Hour)
		stranger := newSigner(t, time.Hour)
		good := s.ca.Sign
		answers := map[string]func(csr []byte) ([][]byte, [][]byte, error){
			"empty chain": func([]byte) ([][]byte, [][]byte, error) { return nil, s.ca.Roots(), nil },
			"no roots": func(csr []byte) ([][]byte, [][]byte, error) {
				chain, _, err := good(csr, testID(t), 0)
				return chain, nil, err
			},
			"other roots": func(csr []byte) ([][]byte, [][]byte, error) {
				chain, _, err := good(csr, testID(t), 0)
				return chain, stranger.ca.Roots(), err
			},
			"garbage":       func([]byte) ([][]byte, [][]byte, error) { return [][]byte{{1}}, [][]byte{{2}}, nil },
			"another ID":    func([]byte) ([][]byte, [][]byte, error) { return good(csrOf(t, other), other, 0) },
			"another's key": func([]byte) ([][]byte, [][]byte, error) { return good(csrOf(t, testID(t)), testID(t), 0) },
			"of another ID on our key": func(csr []byte) ([][]byte, [][]byte, error) {
				return impostor(t, csr)
			},
			"expired": func(csr []byte) ([][]byte, [][]byte, error) {
				chain, roots, err := good(csr, testID(t), time.Second)
				time.Sleep(2 * time.Second)
				return chain, roots, err
			},
		}
		for name, answer := range answers {
			var stage atomic.Value
			log := slog.New(&stages{&stage})
			s.answerWith(func(_ context.Context, _ identity.ID, csr []byte) ([][]byte, [][]byte, error) { return answer(csr) })
			i := run(t, s, issuer.Options{Logger: log})
			pass(10 * time.Second)
			if _, err := i.SVID(); !errors.Is(err, identity.ErrNoSVID) {
				t.Errorf("%s: SVID returns %v", name, err)
			}
			if stage.Load() != issuer.StageAccept {
				t.Errorf("%s: failed at stage %v", name, stage.Load())
			}
		}

		s.answerWith(nil)
		i := run(t, s, issuer.Options{})
		svid := mustSVID(t, i)
		for name, answer := range answers {
			s.answerWith(func(_ context.Context, _ identity.ID, csr []byte) ([][]byte, [][]byte, error) { return answer(csr) })
			pass(time.Until(svid.NotAfter.Add(-20*time.Minute)) / 4)
			if mustSVID(t, i) != svid {
				t.Errorf("%s: replaced a valid SVID", name)
			}
		}
	})
}

// impostor signs our key for somebody else, as a CA that mixes up its callers would.
func impostor(t testing.TB, csr []byte) ([][]byte, [][]byte, error) {
	return newForger(t).sign(csr, "spiffe://td/ns/a/sa/other")
}

func csrOf(t testing.TB, id identity.ID) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := issuer.NewCSR(key, id)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// stages is a slog.Handler that keeps the stage of the last error.
type stages struct{ last *atomic.Value }

func (s *stages) Enabled(context.Context, slog.Level) bool { return true }
func (s *stages) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *stages) WithGroup(string) slog.Handler            { return s }
func (s *stages) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			if failed, ok := errors.AsType[*issuer.Error](err); ok {
				s.last.Store(failed.Stage)
			}
		}
		return true
	})
	return nil
}

func TestAttemptHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, time.Hour)
		s.answerWith(func(ctx context.Context, _ identity.ID, _ []byte) ([][]byte, [][]byte, error) {
			<-ctx.Done()
			return nil, nil, ctx.Err()
		})
		run(t, s, issuer.Options{Timeout: 3 * time.Second, Jitter: func() float64 { return 0.5 }})
		pass(4 * time.Second)
		calls := s.times()
		if len(calls) != 2 || calls[1].Sub(calls[0]) != 3500*time.Millisecond {
			t.Errorf("calls at %v; want the second after 3 s and a pause of 0.5 s", calls)
		}
	})
}

// TestShortSVIDsDoNotSpin: however short the validity, the CA is not asked all the time.
func TestShortSVIDsDoNotSpin(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := newSigner(t, ttl)
			run(t, s, issuer.Options{})
			pass(time.Minute)
			if calls, most := len(s.times()), int(3*time.Minute/ttl)+1; calls < 2 || calls > most {
				t.Errorf("SVIDs of %s: %d calls in a minute, want 2 to %d", ttl, calls, most)
			}
		})
	}
}

// TestStaleSVIDsDoNotSpin: an SVID that is past its half life when it arrives, as from a CA that dates far back.
func TestStaleSVIDsDoNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forger := newForger(t)
		forger.backdate = 100 * time.Hour
		s := newSigner(t, time.Hour)
		s.answerWith(func(_ context.Context, id identity.ID, csr []byte) ([][]byte, [][]byte, error) {
			return forger.sign(csr, id.String())
		})
		i := run(t, s, issuer.Options{})
		mustSVID(t, i)
		pass(20 * time.Minute)
		if calls := len(s.times()); calls != 1 {
			t.Errorf("%d calls in the first third of an hour that is left", calls)
		}
		pass(20 * time.Minute)
		if calls := len(s.times()); calls != 2 {
			t.Errorf("%d calls after the middle of that hour", calls)
		}
	})
}

// TestClockThatIsSet: the wall clock jumps while the issuer waits, as after a suspend.
func TestClockThatIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var jump time.Duration
		s := newSigner(t, time.Hour)
		i := run(t, s, issuer.Options{Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(jump)
		}})
		mustSVID(t, i)
		mu.Lock()
		jump = 45 * time.Minute
		mu.Unlock()
		pass(time.Minute)
		if calls := len(s.times()); calls < 2 {
			t.Error("the issuer slept through its half life")
		}
		if got := time.Until(i.Now()); got != jump {
			t.Errorf("its clock is %s ahead, want %s", got, jump)
		}
	})
}

// Conformance 42: through an outage a valid SVID is kept, and the nearer its end, the more often is asked: a CA that is back
// shortly before it is found in time.
func TestUrgencyGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, time.Hour)
		i := run(t, s, issuer.Options{Jitter: func() float64 { return 0.5 }})
		svid := mustSVID(t, i)
		s.fail()
		pass(time.Until(svid.NotAfter) - 5*time.Second)
		if mustSVID(t, i) != svid {
			t.Fatal("a valid SVID is gone")
		}
		s.answerWith(nil)
		pass(4 * time.Second)
		if mustSVID(t, i) == svid {
			t.Error("the CA was back for 4 s and the SVID is the old one")
		}
	})
}

// An expired SVID is asked for at least every five seconds.
func TestExpiredAsksOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, time.Minute)
		i := run(t, s, issuer.Options{})
		s.fail()
		pass(20 * time.Minute)
		_, err := i.SVID()
		if expired, ok := errors.AsType[*identity.ExpiredError](err); !ok || expired.Reason() != "own-svid-expired" {
			t.Fatalf("after 20 minutes without a CA: %v", err)
		}
		s.answerWith(nil)
		pass(5 * time.Second)
		mustSVID(t, i)
	})
}

// What is dated elsewhere never replaces what is valid, and the error says how far the clocks are apart.
func TestDatedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged syncBuffer
		s := newSigner(t, time.Hour)
		i := run(t, s, issuer.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		svid := mustSVID(t, i)
		for n, off := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
			other, err := ca.New(ca.Options{TrustDomain: "td", TTL: time.Hour, Now: func() time.Time { return time.Now().Add(off) }})
			if err != nil {
				t.Fatal(err)
			}
			s.answerWith(ca.Local{CA: other}.Sign)
			pass(time.Until(svid.NotBefore.Add(time.Duration(40+5*n) * time.Minute)))
			if mustSVID(t, i) != svid {
				t.Errorf("off by %s: it is taken in place of a valid one", off)
			}
		}
		if text := logged.String(); !strings.Contains(text, "clock") || !strings.Contains(text, "reason=svid-dated-elsewhere") {
			t.Errorf("the log says %s", text)
		}
	})
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
