package h2

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// flood opens streams that nobody reads and sends a whole window on each.
func flood(t *testing.T, tn tunnel.Tunnel, a *accepted, n int) []tunnel.Stream {
	t.Helper()
	var theirs []tunnel.Stream
	for range n {
		s := open(t, tn)
		theirs = append(theirs, a.next(t))
		go func() { _, _ = s.Write(make([]byte, streamWindow)) }() // ends with the tunnel at the latest
	}
	return theirs
}

// The control of what package contract says of sleeping readers: without a budget all of it is held.
func TestSlowReadersWithoutABudget(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	for _, s := range flood(t, tn, a, 20) {
		if _, err := io.ReadFull(s, make([]byte, streamWindow)); err != nil {
			t.Fatal(err)
		}
	}
}

// A stream whose reader reads is not stopped by those that hold half of the budget.
func TestAPressedBudgetStopsNoReader(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 4 << 20}, budget.NewTurns(1))
	if !account.Take(3 << 20) {
		t.Fatal("no room")
	}
	tn, _ := pair(t, Options{Account: account}, echo)
	s := open(t, tn)
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	go func() { _, _ = s.Write(data); _ = s.CloseWrite() }()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back, error %v", len(got), err)
	}
	if n := account.Counts().Refused[budget.Bytes]; n != 0 {
		t.Errorf("%d resets", n)
	}
}

// Batches are charged while they are on their way, and given back.
func TestBatchesAreCharged(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 1 << 20}, budget.NewTurns(1))
	var held []*batch
	for range 7 { // the last eighth is for those who hold little
		held = append(held, newBatch(account))
	}
	if n := account.Buffered(); n != 7*batchSize {
		t.Errorf("%d bytes are charged for 7 batches", n)
	}
	small := newBatch(account)
	if cap(small.bytes) != smallBatch || account.Buffered() != 7*batchSize {
		t.Errorf("over the budget a batch has %d bytes, %d are charged", cap(small.bytes), account.Buffered())
	}
	for _, b := range append(held, small) {
		b.free()
	}
	if n := account.Buffered(); n != 0 {
		t.Errorf("%d bytes stay charged", n)
	}
}

// A budget that has nothing left lets go of what is on its way, and the tunnel's own
// batches do not stay charged.
func TestAFullBudgetStillSends(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 1 << 20}, budget.NewTurns(1))
	tn, _, a := acceptPair(t, Options{Account: account})
	s := open(t, tn)
	far := a.next(t)
	full := 0
	for account.Take(1 << 10) {
		full += 1 << 10
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 4) // what arrives needs room too: a little of it
	account.Give(64 << 10)
	for range 1000 {
		if _, err := s.Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(far, make([]byte, len(data))); err != nil {
			t.Fatal(err)
		}
	}
	account.Give(full - 64<<10)
	s.Close()
	far.Close()
	deadline := time.Now().Add(hang)
	for account.Buffered() != 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := account.Buffered(); n != 0 {
		t.Errorf("%d bytes stay charged", n)
	}
}
