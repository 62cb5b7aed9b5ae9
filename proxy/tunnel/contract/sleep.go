package contract

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// What a stream promises to the others of its tunnel and of its workload, while its reader sleeps.

// asleep is a stream that nobody reads, whose peer writes as much as it may.
type asleep struct {
	tunnel.Stream // the accepting end
	sent          atomic.Int64
}

// sleeper begins one.
func (e *ends) sleeper(t *testing.T) *asleep {
	t.Helper()
	c, s := e.stream(t)
	a := &asleep{Stream: s}
	done := make(chan struct{})
	go func() {
		defer close(done)
		piece := make([]byte, 16<<10)
		for {
			n, err := c.Write(piece)
			a.sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return a
}

// allFull waits until the peers of all of them may write no more. Too early on a slow machine, it makes the
// test easier and not wrong.
func allFull(all []*asleep) {
	for last := int64(-1); ; time.Sleep(100 * time.Millisecond) {
		var sent int64
		for _, a := range all {
			sent += a.sent.Load()
		}
		if sent == last {
			return
		}
		last = sent
	}
}

// upload writes through c and reads at s.
func upload(t *testing.T, c, s tunnel.Stream, size int) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, size))
		failed <- errors.Join(err, c.CloseWrite())
	}()
	if n, err := io.Copy(io.Discard, s); err != nil || n != int64(size) {
		t.Errorf("%d bytes of %d arrived, %v", n, size, err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func sleepersHoldUpNobody(t *testing.T, make_ Maker) {
	e := both(t, make_)
	var all []*asleep
	for range 30 {
		all = append(all, e.sleeper(t))
	}
	allFull(all)
	for range 4 {
		c, s := e.stream(t)
		within(t, "an upload beside readers that sleep", func() { upload(t, c, s, 2<<20) })
		s.Close()
	}
	e.tn.Close()
}

// sleepersStayWithin: those whose bytes have no room are reset, and told why.
func sleepersStayWithin(t *testing.T, make_ Maker) {
	const limit = 1 << 20
	account := budget.NewAccount(budget.Limits{Bytes: limit}, budget.NewTurns(1))
	e := bothGiven(t, make_, Given{Account: account})
	var all []*asleep
	for range 20 {
		all = append(all, e.sleeper(t))
	}
	await(t, "16 streams of 20 have no room", func() bool {
		if n := account.Buffered(); n > limit {
			t.Fatalf("%d bytes are charged, the limit is %d", n, limit)
		}
		return account.Counts().Refused[budget.Bytes] >= 16
	})
	reset := 0
	for _, a := range all {
		if err := a.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
		var over *budget.Error
		if _, err := a.Read(make([]byte, 1)); errors.As(err, &over) && over.Resource == budget.Bytes {
			reset++
		}
		a.Close()
	}
	if reset < 16 {
		t.Errorf("%d streams know why they were reset, want at least 16", reset)
	}
	await(t, "nothing is charged any more", func() bool { return account.Buffered() == 0 })
	c, s := e.stream(t)
	upload(t, c, s, 2<<20)
	s.Close()
	e.tn.Close()
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("hang: %s", what)
		}
	}
}
