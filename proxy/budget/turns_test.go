package budget

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// I4: a thousand handshakes of one workload delay another's single one by one round.
func TestTurnsGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work = time.Millisecond
		turns := NewTurns(1)
		culprit, bystander := NewAccount(Limits{}, turns), NewAccount(Limits{}, turns)
		done := make(chan error, 1000)
		handshake := func(a *Account) error {
			if err := turns.take(t.Context(), a); err != nil {
				return err
			}
			defer turns.give()
			time.Sleep(work)
			return nil
		}
		for range 1000 {
			go func() { done <- handshake(culprit) }()
		}
		synctest.Wait()
		begin := time.Now()
		if err := handshake(bystander); err != nil {
			t.Fatal(err)
		}
		// The one under way, one of the culprit's that is next already, and its own.
		if got := time.Since(begin); got > 3*work {
			t.Errorf("the bystander's handshake took %v, want at most %v", got, 3*work)
		}
		for range 1000 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if turns.free != 1 || len(turns.line) != 0 {
			t.Errorf("%d free, %d in line at the end", turns.free, len(turns.line))
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
