package cell

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// I4: short of memory, the workload that holds the most loses connections, with the
// reason, and the others lose none.
func TestTheGreediestIsShed(t *testing.T) {
	turns := budget.NewTurns(1)
	culprit, bystander := budget.NewAccount(budget.Limits{}, turns), budget.NewAccount(budget.Limits{}, turns)
	open := func(a *budget.Account) context.Context {
		p, err := a.Connection(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Leave)
		return p.Under(t.Context())
	}
	theirs := open(bystander)
	var flood []context.Context
	for range 80 {
		flood = append(flood, open(culprit))
	}
	var log bytes.Buffer
	s := &cell{
		Config: Config{Log: slog.New(slog.NewTextHandler(&log, nil))},
		served: map[string]*served{"a/culprit": {account: culprit}, "a/bystander": {account: bystander}, "a/off": {}},
		memory: &memory{limit: func() int64 { return 1 }, timer: time.NewTimer(time.Hour)}, // whatever is used is too much
	}
	s.memory.samples = newSamples()
	s.relieve()
	s.memory.stop()
	cut := 0
	for _, ctx := range flood {
		var e *budget.Error
		if errors.As(context.Cause(ctx), &e) && e.Reason() == "shed" {
			cut++
		}
	}
	if cut != 10 || theirs.Err() != nil {
		t.Errorf("%d of the culprit's 80 were cut, the bystander's: %v; want 10 and none", cut, theirs.Err())
	}
	if !strings.Contains(log.String(), "workload=a/culprit") {
		t.Errorf("the log does not say who: %s", log.String())
	}
	s.memory.limit = func() int64 { return 1 << 50 }
	s.relieve()
	if n := culprit.Counts().Refused[budget.Memory]; n != 10 {
		t.Errorf("%d shed with memory to spare", n-10)
	}
	s.memory.stop()
}

// I4: memory that no account knows of is that of tunnels over QUIC: those of the workload that has most end, and no
// connection is shed while there are any.
func TestWhatNobodyKnowsOf(t *testing.T) {
	turns := budget.NewTurns(1)
	culprit, bystander := budget.NewAccount(budget.Limits{}, turns), budget.NewAccount(budget.Limits{}, turns)
	p, err := bystander.Connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Leave()
	theirs := p.Under(t.Context())
	ended := make(chan string, 3)
	for i, a := range []*budget.Account{culprit, culprit, bystander} {
		s, err := a.Stand(1, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		s.Ends(func(error) { ended <- []string{"culprit", "culprit", "bystander"}[i] })
	}
	s := &cell{
		Config: Config{Log: slog.New(slog.DiscardHandler)},
		served: map[string]*served{"a/culprit": {account: culprit}, "a/bystander": {account: bystander}, "a/off": {}},
		memory: &memory{limit: func() int64 { return 1 }, timer: time.NewTimer(time.Hour)},
	}
	s.memory.samples = newSamples()
	defer s.memory.stop()
	runtime.GC() // something was found alive
	s.relieve()
	for range 2 {
		if who := <-ended; who != "culprit" {
			t.Errorf("the %s's were ended", who)
		}
	}
	s.relieve()
	if who := <-ended; who != "bystander" || theirs.Err() != nil {
		t.Errorf("ended were the %s's; its connection: %v", who, theirs.Err())
	}
	s.relieve()
	if theirs.Err() == nil {
		t.Error("nothing was shed when there was nothing else")
	}
}

func TestWithoutALimitNobodyLooks(t *testing.T) {
	if m := newMemory(); m.look != nil && m.limit() > 1<<60 {
		t.Error("looks although there is no limit")
	} else {
		m.stop()
	}
}
