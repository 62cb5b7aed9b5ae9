package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// gate is a flow whose denials take a while; a leaky one lets in what it says that it denies.
type gate struct {
	leaky, shut bool
	fail        error

	mu      sync.Mutex
	n       int
	denied  bool
	inForce string
	lifted  int
}

func (*gate) String() string { return "a to b" }

func (g *gate) Push(denied bool) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	generation := fmt.Sprint(g.n)
	time.AfterFunc(2*time.Millisecond, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.denied, g.inForce = denied, generation
	})
	return generation, g.fail
}

func (g *gate) InForce(context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inForce, nil
}

func (g *gate) Try(context.Context) (bool, error) {
	time.Sleep(time.Millisecond)
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.shut && (g.leaky || !g.denied), nil
}

func (g *gate) Lift() error { g.lifted++; return nil }

// The checks tell a gate that is right from one that leaks and one that is always shut.
func TestPolicyFlip(t *testing.T) {
	for name, g := range map[string]*gate{"right": {}, "leaky": {leaky: true}, "shut": {shut: true}} {
		t.Run(name, func(t *testing.T) {
			to, _ := target([]Process{{"cell", 1}}, nil)
			saw := make(chan string, 1)
			to.Saw = func(_ int64, note string) { saw <- note }
			to.Flip = func() (Flip, error) { return g, nil }
			f := policyFlip{lasts: 500 * time.Millisecond, every: 20 * time.Millisecond}
			done, err := f.Inject(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			<-saw
			if err := done.Undo(t.Context()); err != nil || g.lifted != 1 {
				t.Errorf("undo %v, lifted %d times", err, g.lifted)
			}
			admitted, refused := done.Checks()[0], done.Checks()[1]
			if admitted.Tried == 0 || refused.Tried == 0 || admitted.Violated > 0 != g.leaky || refused.Violated > 0 != g.shut {
				t.Errorf("%+v, %+v", admitted, refused)
			}
		})
	}
}

func TestPolicyFlipFails(t *testing.T) {
	to, _ := target(nil, nil)
	var none *NothingServesError
	if _, err := PolicyFlip.Inject(t.Context(), to); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
	to, _ = target([]Process{{"cell", 1}}, nil)
	to.Flip = func() (Flip, error) { return nil, &NotEnforceableError{"no report"} }
	var cannot *NotEnforceableError
	if _, err := PolicyFlip.Inject(t.Context(), to); !errors.As(err, &cannot) {
		t.Errorf("without a report: %v", err)
	}
	g := &gate{fail: errors.New("full")}
	saw := make(chan string, 1)
	to.Saw = func(_ int64, note string) { saw <- note }
	to.Flip = func() (Flip, error) { return g, nil }
	done, err := PolicyFlip.For(time.Hour).Inject(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	<-saw
	if err := done.Undo(t.Context()); !errors.Is(err, g.fail) || g.lifted != 1 {
		t.Errorf("undo %v, lifted %d times", err, g.lifted)
	}
}
