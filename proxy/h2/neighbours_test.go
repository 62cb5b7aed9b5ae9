package h2

import (
	"context"
	"io"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// A transfer whose reader was fast and then pauses is slowed down, whatever its workload's
// budget: its window must not have grown beyond what that has room for.
func TestAReaderThatPausesIsNotReset(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 1 << 20}, budget.NewTurns(1))
	cc, sc := loopback(t)
	a := &accepted{streams: make(chan tunnel.Stream, 1), done: make(chan struct{})}
	served := serve(Options{Account: account}, sc, a.handle)
	defer served.drain()
	tn, err := New(Options{}).Client(context.Background(), cc)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, tn)
	far := a.next(t)
	var sent crowd
	go func() {
		_, _ = io.Copy(io.MultiWriter(s, counter{&sent.read}), random(1, 128<<20))
		_ = s.CloseWrite()
	}()
	for range 3 {
		if _, err := io.CopyN(io.Discard, far, 32<<20); err != nil {
			t.Fatalf("%v, %d refused", err, account.Counts().Refused[budget.Bytes])
		}
		if !stopped(&sent.read, 128<<20) {
			t.Fatal("all was sent to a reader that pauses")
		}
	}
	if _, err := io.Copy(io.Discard, far); err != nil {
		t.Fatal(err)
	}
	a.release()
	tn.Close()
	served.wait(t)
}

// Streams that are reset for want of budget do not take their neighbours along: one
// that was there before, reads what it gets and asks for little goes on.
func TestBudgetResetsSpareNeighbours(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 2 << 20}, budget.NewTurns(1))
	tn, _ := pair(t, Options{Account: account}, func(in tunnel.Incoming) {
		if in.Head().RawAuthority != neighbour {
			echo(in)
			return
		}
		if _, err := in.Accept(hbone.Header{}); err == nil {
			<-in.Context().Done()
		}
	})
	near := open(t, tn)
	hostile := hbone.Head{Method: hbone.MethodConnect, RawAuthority: neighbour}
	refused := func() uint64 { return account.Counts().Refused[budget.Bytes] }
	b := make([]byte, 64)
	for range 400 {
		if s, _, err := tn.Open(context.Background(), hostile); err == nil {
			go func() {
				_, _ = s.Write(make([]byte, streamWindow)) // until it is reset, or the tunnel ends
				_, _ = s.Read(b[:0])
			}()
		}
		if _, err := near.Write(b); err != nil {
			t.Fatalf("after %d resets: %v", refused(), err)
		}
		if _, err := io.ReadFull(near, b); err != nil {
			t.Fatalf("after %d resets: %v", refused(), err)
		}
	}
	if refused() == 0 {
		t.Error("no stream was reset: the budget was never full")
	}
}
