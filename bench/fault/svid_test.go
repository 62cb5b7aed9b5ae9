package fault

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// An outage that no SVID shall end in does not begin before all of them last longer.
func TestAnOutageWaitsForSVIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plane{tired: true, revived: 1}
		to, _ := p.target()
		var cannot *NotEnforceableError
		if _, err := CADown.Inject(t.Context(), to); !errors.As(err, &cannot) || len(p.sent) > 0 {
			t.Errorf("%v, sent %v", err, p.sent)
		}
	})
}

func TestAnSVIDThatIsNotRenewedIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plane{tired: true, revived: 1}
		to, _ := p.target()
		r := newRenewal(40 * time.Second)
		if err := r.await(t.Context(), to, time.Now()); err != nil || r.checks()[0].Violated != 1 {
			t.Errorf("%v, %+v", err, r.checks())
		}
	})
}

// The clock is wrong for a while and then right, and who names it is heard.
func TestClockJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p plane
		to, _ := p.target()
		done, err := ClockJump.Inject(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(ClockJump.Lasts() + time.Second)
		if err := done.Undo(t.Context()); err != nil || len(p.sent) > 0 || len(p.dated) != 2 || p.dated[0] != ClockJump.ahead || p.dated[1] != 0 {
			t.Errorf("%v, sent %v, dated %v", err, p.sent, p.dated)
		}
		for _, c := range done.Checks() {
			if c.Violated != 0 {
				t.Errorf("%+v", c)
			}
		}
	})
	if c := (&mention{word: "clock", before: 3, after: 3}).check("silence"); c.Violated != 1 {
		t.Errorf("nobody said a word, and that is no violation: %+v", c)
	}
}

// What was said of the budget is compared with the first refusal.
func TestSVIDExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p plane
		to, _ := p.target()
		done, err := SVIDExpiry.Inject(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if err := done.Undo(t.Context()); err != nil {
			t.Fatal(err)
		}
		const name = "survival said wrong by a tenth"
		for lasted, wrong := range map[time.Duration]int64{0: 1, 35 * time.Second: 1, 37 * time.Second: 0, 43 * time.Second: 0, 45 * time.Second: 1} {
			if p.failed = 0; lasted > 0 {
				p.failed = to.Now() + int64(lasted)
			}
			found := false
			for _, c := range done.Checks() {
				if c.Name == name {
					found = true
					if c.Violated != wrong {
						t.Errorf("lasted %v of 40 s: %+v", lasted, c)
					}
				}
			}
			if !found {
				t.Error("it is not compared")
			}
		}
	})
}

func TestRootRotation(t *testing.T) {
	for name, c := range map[string]struct {
		after []string
		wrong int64
	}{
		"replaced": {[]string{"new"}, 0}, "both": {[]string{"old", "new"}, 1}, "not begun": {[]string{"old"}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := plane{roots: []string{"old"}}
			to, _ := p.target()
			done, err := RootRotation.Inject(context.WithoutCancel(t.Context()), to)
			if err != nil || len(p.sent) != 1 || p.sent[0] != syscall.SIGUSR1 {
				t.Fatalf("%v, sent %v", err, p.sent)
			}
			p.roots = c.after
			if err := done.Undo(t.Context()); err != nil || done.Checks()[0].Violated != c.wrong {
				t.Errorf("%s: %v, %+v", name, err, done.Checks())
			}
		})
	}
}
