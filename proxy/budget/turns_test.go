package budget

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const turnsWork = time.Millisecond

// I4: a thousand handshakes or dials of one workload delay another's single one by one
// round.
func TestTurnsGoRound(t *testing.T) {
	t.Run("handshakes", func(t *testing.T) {
		goRound(t, func(ctx context.Context, a *Account) error {
			if err := a.turns.take(ctx, a); err != nil {
				return err
			}
			defer a.turns.give()
			time.Sleep(turnsWork)
			return nil
		})
	})
	t.Run("dials", func(t *testing.T) { // to somebody who never answers
		goRound(t, func(ctx context.Context, a *Account) error {
			p, err := a.Dial(ctx)
			if err != nil {
				return err
			}
			time.Sleep(turnsWork)
			p.Begun() // and the place is never left
			return nil
		})
	})
}

func goRound(t *testing.T, work func(context.Context, *Account) error) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		// The one under way, one of the culprit's that is next already, and its own.
		if got := behindAThousand(t, turns, NewAccount(Limits{}, turns), work); got > 3*turnsWork {
			t.Errorf("the bystander's took %v, want at most %v", got, 3*turnsWork)
		}
	})
	// The control: in one line with the culprit's, which is what a queue of the cell would be.
	synctest.Test(t, func(t *testing.T) {
		if got := behindAThousand(t, NewTurns(1), nil, work); got < 900*turnsWork {
			t.Errorf("without turns of its own the bystander's took %v only: this test shows nothing", got)
		}
	})
}

// behindAThousand is how long work takes on an account (nil: the culprit's) while a
// thousand of the culprit's wait.
func behindAThousand(t *testing.T, turns *Turns, bystander *Account, work func(context.Context, *Account) error) time.Duration {
	t.Helper()
	culprit := NewAccount(Limits{Dials: 2000}, turns)
	if bystander == nil {
		bystander = culprit
	}
	done := make(chan error, 1000)
	for range cap(done) {
		go func() { done <- work(t.Context(), culprit) }()
	}
	synctest.Wait()
	begin := time.Now()
	if err := work(t.Context(), bystander); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if turns.free != 1 || len(turns.line) != 0 {
		t.Errorf("%d free, %d in line at the end", turns.free, len(turns.line))
	}
	return took
}

// Waiting for a turn has an end, and its error says what was waited for.
func TestATurnThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		a := NewAccount(Limits{}, turns)
		if err := turns.take(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ours, peer := net.Pipe()
		defer peer.Close()
		_, err := a.Handshake(ctx, ours, nil, func(c net.Conn) *tls.Conn { return tls.Server(c, &tls.Config{}) })
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "turn") {
			t.Errorf("error %v", err)
		}
	})
}

// Who gives up leaves no turn behind, whether it waited or was just served.
func TestTurnsOfThoseWhoGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		a := NewAccount(Limits{}, turns)
		if err := turns.take(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		for range 50 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := turns.take(ctx, a)
				if err == nil {
					turns.give()
				}
				ended <- err
			}()
		}
		time.AfterFunc(time.Second, turns.give) // at the moment at which all give up
		for range 50 {
			<-ended
		}
		synctest.Wait()
		if turns.free != 1 || len(turns.line) != 0 || len(a.queue) != 0 {
			t.Errorf("%d free, %d in line, %d in the queue", turns.free, len(turns.line), len(a.queue))
		}
	})
}
