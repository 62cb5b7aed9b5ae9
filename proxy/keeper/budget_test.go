package keeper

import (
	"errors"
	"syscall"
	"testing"
)

// I4, with real processes: the exception of one workload in the node's file reaches
// its cell, and what the cell refused is in the keeper's metrics.
func TestABudgetOfTheNodeFile(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 50}\nbudgets: {workloads: {a/client: {connections: 1}}}\n")
	n.echo(t)
	held, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := say(held, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := n.roundTrip(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("over budget: %v, want a reset", err)
	}
	if err := say(held, "again"); err != nil {
		t.Errorf("the connection within the budget: %v", err)
	}
	const want = `bulkhead_budget_refused_total{cell="shared",resource="connections",workload="a/client"} 1`
	eventually(t, "the refusal is counted", func() error { return n.counts(want) })
}

// The control: the word off is understood, and pods talk without accounts.
func TestBudgetsOff(t *testing.T) {
	n := startNode(t, "isolation: shared\nbudgets: off\n")
	n.echo(t)
	held, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := errors.Join(say(held, "hello"), n.roundTrip()); err != nil {
		t.Error(err)
	}
}
