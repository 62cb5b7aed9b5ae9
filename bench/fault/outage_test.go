package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// plane is a control plane on paper, which passes on what is pushed while it runs.
type plane struct {
	gate // what is pushed

	mu        sync.Mutex
	sent      []syscall.Signal
	revived   int
	loses     bool // what was pushed while it was away
	dated     []time.Duration
	tired     bool     // SVIDs are not renewed
	roots     []string // that are trusted
	says      int      // how often a word is in the logs
	failed    int64    // when the first request failed; 0: none did
	misstated []bool
	hears     func() []Hearing // what proxies say
}

func (*plane) Processes(part string) ([]Process, error) { return []Process{{part, 5}}, nil }

func (p *plane) Revive(context.Context, string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revived++
	return nil
}

func (p *plane) Misstate(_ context.Context, wrong bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.misstated = append(p.misstated, wrong)
	return nil
}

// Hearings are of two proxies, each from a part until that one is stopped or killed.
func (p *plane) Hearings(context.Context) ([]Hearing, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hears(), nil
}

// Survival is what a fresh SVID has, unless it is tired.
func (p *plane) Survival(context.Context) (time.Time, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tired && p.revived > 0 {
		return time.Now(), true, nil
	}
	return time.Now().Add(40 * time.Second), true, nil
}

func (p *plane) Misdate(_ context.Context, by time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dated = append(p.dated, by)
	return nil
}

func (p *plane) Roots() ([]string, error) { return p.roots, nil }

func (p *plane) InForce(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	away := p.revived == 0 && (len(p.sent) == 0 || p.sent[len(p.sent)-1] != syscall.SIGCONT)
	if away || p.loses {
		return "before", nil
	}
	return p.gate.InForce(ctx)
}

func (p *plane) target() (Target, chan string) {
	to, _ := target(nil, nil)
	saw := make(chan string, 8)
	to.Saw = func(_ int64, note string) { saw <- note }
	to.Control, to.SVIDs = p, p
	to.Logged = func(string) (int, error) { p.says++; return p.says, nil }
	to.FirstFailure = func() (int64, bool) { return p.failed, p.failed != 0 }
	to.Flip = func() (Flip, error) { return p, nil }
	to.Signal = func(pid int, s syscall.Signal) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if pid != 5 {
			return fmt.Errorf("%v to %d", s, pid)
		}
		p.sent = append(p.sent, s)
		return nil
	}
	return to, saw
}

// Control comes back, however it was away, and what was pushed meanwhile is looked for.
func TestControlComesBack(t *testing.T) {
	for _, f := range []Timed{ControlDown, ControlSlow, ControlStale, CADown} {
		t.Run(f.For(time.Millisecond).Name(), func(t *testing.T) {
			var p plane
			to, saw := p.target()
			done, err := f.For(50*time.Millisecond).Inject(t.Context(), to)
			if err != nil || done.At != 1000 {
				t.Fatalf("%+v, %v", done, err)
			}
			if note := <-saw; note != "control is back" && note != "the CA is back" {
				t.Errorf("saw %q", note)
			}
			pushes := 1
			if f.For(0).Name() == CADown.Name() {
				pushes = 0
			}
			if err := done.Undo(t.Context()); err != nil || p.lifted != pushes {
				t.Errorf("undo %v, lifted %d times", err, p.lifted)
			}
			killed := p.sent[0] == syscall.SIGKILL
			if killed != (p.revived > 0) || !killed && p.sent[len(p.sent)-1] != syscall.SIGCONT {
				t.Errorf("sent %v, revived %d times", p.sent, p.revived)
			}
			for _, c := range done.Checks() {
				if c.Tried != 1 || c.Violated != 0 {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

func TestAPushThatIsLostIsFound(t *testing.T) {
	p := plane{loses: true}
	to, _ := p.target()
	late, err := pushLate(to)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := late.arrive(ctx, to); err != nil || p.lifted != 1 {
		t.Errorf("%v, lifted %d times", err, p.lifted)
	}
	if c := late.checks()[0]; c.Tried != 1 || c.Violated != 1 {
		t.Errorf("%+v", c)
	}
}

// A push that fails leaves no control that stands still, and where nobody says what is in
// force there is no check.
func TestControlWithoutAPush(t *testing.T) {
	p := plane{gate: gate{fail: errors.New("full")}}
	to, _ := p.target()
	if _, err := ControlStale.Inject(t.Context(), to); !errors.Is(err, p.fail) || p.sent[len(p.sent)-1] != syscall.SIGCONT {
		t.Errorf("%v, sent %v", err, p.sent)
	}
	to, saw := p.target()
	to.Flip = func() (Flip, error) { return nil, &NotEnforceableError{"a sidecar"} }
	done, err := ControlDown.For(30*time.Second).Inject(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if err := done.Undo(t.Context()); err != nil || len(done.Checks()) != 1 || p.revived != 2 {
		t.Errorf("%v, %+v, revived %d times", err, done.Checks(), p.revived)
	}
	if note := <-saw; note != "control is back" {
		t.Errorf("saw %q", note)
	}
}
