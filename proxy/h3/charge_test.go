package h3

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// TestAReaderThatComesBack: while the budget has no room, a stream whose reader comes back between two
// looks goes on, however often it is away.
func TestAReaderThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := budget.NewAccount(budget.Limits{Bytes: 1 << 20}, budget.NewTurns(1))
		c := &conn{o: Options{Account: account}.resolved()}
		s := newStream(c, nil)
		account.Take(1 << 20)
		for range 50 {
			s.leaves()
			time.Sleep(pause * 4 / 5)
			s.waits()
			if account.Buffered() != 1<<20 || account.Counts().Refused[budget.Bytes] != 0 {
				t.Fatalf("%d bytes are charged, counted %+v", account.Buffered(), account.Counts())
			}
		}
		s.leaves()
		account.Give(1 << 20)
		time.Sleep(2 * pause)
		if n := account.Buffered(); n != int64(c.holds()) {
			t.Errorf("%d bytes are charged once there is room, want %d", n, c.holds())
		}
		s.waits()
		if n := account.Buffered(); n != 0 {
			t.Errorf("%d bytes are charged while the reader waits", n)
		}
		s.leaves()
		s.settle()
		s.leaves()
		if n := account.Buffered(); n != 0 {
			t.Errorf("%d bytes are charged after the end", n)
		}
	})
}
