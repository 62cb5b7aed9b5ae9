package fault

import (
	"errors"
	"testing"
	"time"
)

// liars are impostors whose end is told.
type liars struct {
	ends int
	fail error
}

func (*liars) Victim() string { return "tenant-b/db" }

func (l *liars) End() ([]Check, error) {
	l.ends++
	return []Check{{Name: "no certificate", Tried: 7, Violated: 1}}, l.fail
}

// Impostors go when their time is over or the drill undoes it, once; what they tried is
// in the checks, and that they proved nothing is an error.
func TestSpoof(t *testing.T) {
	unbelieved := errors.New("the truth was not believed")
	for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
		for _, fail := range []error{nil, unbelieved} {
			l := &liars{fail: fail}
			to, _ := target([]Process{{"cell", 1}}, nil)
			saw := make(chan string, 1)
			to.Saw = func(_ int64, note string) { saw <- note }
			to.Impersonate = func() (Impostors, error) { return l, nil }
			done, err := Spoof.For(lasts).Inject(t.Context(), to)
			if err != nil || done.At != 1000 || done.Note != "impostors lie to tenant-b/db" {
				t.Fatalf("%+v, %v", done, err)
			}
			if lasts < time.Hour {
				<-saw
			}
			if err := done.Undo(t.Context()); !errors.Is(err, fail) {
				t.Errorf("undo: %v, want %v", err, fail)
			}
			if checks := done.Checks(); l.ends != 1 || len(checks) != 1 || checks[0].Violated != 1 {
				t.Errorf("ended %d times: %+v", l.ends, checks)
			}
		}
	}
}

func TestSpoofNeedsSomebodyWhoAsks(t *testing.T) {
	to, _ := target(nil, nil)
	var cannot *NotEnforceableError
	if _, err := Spoof.Inject(t.Context(), to); !errors.As(err, &cannot) {
		t.Errorf("without a data plane: %v", err)
	}
	lost := errors.New("lost")
	to, _ = target([]Process{{"cell", 1}}, nil)
	to.Impersonate = func() (Impostors, error) { return nil, lost }
	if _, err := Spoof.Inject(t.Context(), to); !errors.Is(err, lost) {
		t.Errorf("without impostors: %v", err)
	}
	to, _ = target(nil, lost)
	if _, err := Spoof.Inject(t.Context(), to); !errors.Is(err, lost) {
		t.Errorf("without a look: %v", err)
	}
}
