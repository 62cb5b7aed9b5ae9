package budget

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func refusedFor(t *testing.T, err error, r Resource) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Resource != r {
		t.Fatalf("error %v, want one for %s", err, r)
	}
}

func TestOverTheLimitOneWaitsAndIsThenRefused(t *testing.T) {
	for _, c := range []struct {
		resource Resource
		enter    func(*Account) (*Place, error)
	}{
		{Connections, func(a *Account) (*Place, error) { return a.Connection(context.Background()) }},
		{Tunnels, func(a *Account) (*Place, error) { return a.Tunnel(context.Background()) }},
		{Dials, func(a *Account) (*Place, error) { return a.Dial(context.Background()) }},
	} {
		t.Run(c.resource.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := NewAccount(Limits{Connections: 1, Tunnels: 1, Dials: 1}, NewTurns(1))
				first, err := c.enter(a)
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				_, err = c.enter(a)
				refusedFor(t, err, c.resource)
				if got := time.Since(begin); got != Patience {
					t.Errorf("refused after %v, want %v", got, Patience)
				}
				time.AfterFunc(time.Second, first.Leave)
				begin = time.Now()
				second, err := c.enter(a)
				if err != nil || time.Since(begin) != time.Second {
					t.Errorf("%v after %v, want a place after 1s", err, time.Since(begin))
				}
				first.Leave() // twice: must not let a third one in
				second.Leave()
				if n := a.Counts(); n.Refused[c.resource] != 1 || n.Waited[c.resource] != 2 {
					t.Errorf("counted %+v", n)
				}
			})
		})
	}
}

func TestWhoeverEndsItsWaitIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccount(Limits{Connections: 1}, NewTurns(1))
		if _, err := a.Connection(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		over := errors.New("over")
		time.AfterFunc(time.Second, func() { cancel(over) })
		if _, err := a.Connection(ctx); err != over {
			t.Errorf("error %v, want %v", err, over)
		}
		if n := a.Counts(); n.Refused[Connections] != 0 {
			t.Errorf("counted %+v", n)
		}
	})
}

// A second's worth at once, and then so many a second; beyond patience refused.
func TestNewConnectionsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccount(Limits{ConnectionsPerSecond: 100}, NewTurns(1))
		begin := time.Now()
		for range 300 {
			if _, err := a.Connection(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(begin); got != 2*time.Second {
			t.Errorf("300 connections took %v, want 2s at 100 a second", got)
		}
		time.Sleep(time.Minute) // a quiet minute earns one second's worth, not sixty
		begin = time.Now()
		for range 200 {
			if _, err := a.Connection(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(begin); got != time.Second {
			t.Errorf("200 connections took %v, want 1s", got)
		}
	})
}

func TestTooManyWaitersForARateAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccount(Limits{ConnectionsPerSecond: 10}, NewTurns(1))
		results := make(chan error, 100)
		for range 100 {
			go func() { _, err := a.Connection(context.Background()); results <- err }()
		}
		refused := 0
		for range 100 {
			if err := <-results; err != nil {
				refusedFor(t, err, NewConnections)
				refused++
			}
		}
		// 10 at once, and 10 for each of 5 seconds.
		if refused != 40 || a.Counts().Refused[NewConnections] != 40 {
			t.Errorf("%d refused, counted %+v; want 40", refused, a.Counts())
		}
	})
}

// Whatever is asked of budgets that are off is granted.
func TestOff(t *testing.T) {
	var a *Account
	ctx := t.Context()
	for _, enter := range []func(context.Context) (*Place, error){a.Connection, a.Tunnel, a.Dial} {
		p, err := enter(ctx)
		if err != nil || p.Under(ctx) != ctx {
			t.Fatal(p, err)
		}
		p.Leave()
	}
	if !a.Take(1<<40) || a.Pressed() || a.Weight() != 0 || a.Shed() != 0 || a.Counts() != (Counts{}) {
		t.Error("an account that is off counts")
	}
	a.Give(1 << 40)
	a.SetLimits(Defaults)
}

func TestBytes(t *testing.T) {
	a := NewAccount(Limits{Bytes: 1 << 20}, NewTurns(1))
	if a.Pressed() || !a.Take(1<<19+1) || !a.Pressed() {
		t.Error("pressed begins above the half")
	}
	if a.Take(1 << 19) {
		t.Error("took more than there is")
	}
	if a.Buffered() != 1<<19+1 {
		t.Errorf("%d buffered after a refusal", a.Buffered())
	}
	a.Give(1<<19 + 1)
	if a.Pressed() || a.Buffered() != 0 {
		t.Error("still pressed")
	}
}

func TestShedCutsTheNewest(t *testing.T) {
	a := NewAccount(Limits{}, NewTurns(1))
	var all []context.Context
	var places []*Place
	for range 16 {
		p, err := a.Connection(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		places, all = append(places, p), append(all, p.Under(t.Context()))
	}
	places[15].Leave() // the newest has gone by itself
	before := a.Weight()
	if n := a.Shed(); n != 1 { // 15/8
		t.Errorf("cut %d, want 1", n)
	}
	refusedFor(t, context.Cause(all[14]), Memory)
	for i, ctx := range all[:14] {
		if ctx.Err() != nil {
			t.Errorf("connection %d was cut", i)
		}
	}
	places[14].Leave()
	if a.Weight() >= before {
		t.Error("a connection that has gone still weighs")
	}
	for _, p := range places {
		p.Leave()
	}
	if a.Shed() != 0 || a.Weight() != 0 {
		t.Error("something is left")
	}
}

func TestNewLimitsLetWaitersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccount(Limits{Tunnels: 1}, NewTurns(1))
		if _, err := a.Tunnel(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { a.SetLimits(Limits{Tunnels: 2}) })
		begin := time.Now()
		if _, err := a.Tunnel(t.Context()); err != nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// The last of a budget is for those who hold little of it.
func TestTakeMoreLeavesTheLastEighth(t *testing.T) {
	a := NewAccount(Limits{Bytes: 8 << 20}, NewTurns(1))
	if !a.TakeMore(7<<20) || a.TakeMore(1) {
		t.Error("TakeMore does not end at seven eighths")
	}
	if !a.Take(1<<20) || a.Take(1) {
		t.Error("Take does not end at the limit")
	}
	if n := a.Room(); n != 0 {
		t.Errorf("room for %d bytes in a full budget", n)
	}
	a.Give(8 << 20)
	if n := a.Room(); n != 8<<20 {
		t.Errorf("room for %d bytes in an empty budget", n)
	}
	if n := a.Buffered(); n != 0 || !(*Account)(nil).TakeMore(1) {
		t.Errorf("%d bytes stay charged", n)
	}
}

// TestOwed: what did not fit weighs as much as what did, and is bounded by as much again.
func TestOwed(t *testing.T) {
	const limit = 16 << 20
	a := NewAccount(Limits{Bytes: limit}, NewTurns(1))
	if !a.Owe(limit) || a.Drowned() {
		t.Error("no more than the budget may be owed")
	}
	if a.Owe(1) || !a.Drowned() || a.Weight() != limit+1 || a.Owed() != limit+1 {
		t.Errorf("more may be owed; %d are, it weighs %d", a.Owed(), a.Weight())
	}
	a.Clear(limit + 1)
	if a.Drowned() || a.Weight() != 0 {
		t.Errorf("it weighs %d", a.Weight())
	}
	small := NewAccount(Limits{Bytes: 1 << 20}, NewTurns(1))
	if !small.Owe(minOwed) || small.Owe(1) {
		t.Error("a small budget may owe another number")
	}
	var none *Account
	if none.Clear(1); !none.Owe(1<<40) || none.Drowned() || none.Owed() != 0 {
		t.Error("an account that is none takes notice")
	}
}
