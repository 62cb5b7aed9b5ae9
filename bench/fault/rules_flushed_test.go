package fault

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// table is a pod's rules on paper.
type table struct {
	mu      sync.Mutex
	did     []string
	noticed bool // somebody puts them back
	fail    error
}

func (r *table) note(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did = append(r.did, what)
	return r.fail
}

func (r *table) Overhear() (Wire, error)         { return r, nil }
func (r *table) Flush() error                    { return r.note("flush") }
func (r *table) Recapture(context.Context) error { return r.note("recapture") }
func (r *table) Close() error                    { return r.note("close") }
func (r *table) Packets() int                    { return 100 }
func (r *table) Seen() int                       { return 3 }
func (r *table) Dropped() int                    { return 1 }

func (r *table) InForce() error {
	if r.noticed {
		return nil
	}
	return errors.New("gone")
}

// Whether anybody noticed is said; in the end the rules are there, the ear is closed, and
// the check says what it heard.
func TestRulesFlushed(t *testing.T) {
	for _, c := range []struct {
		lasts   time.Duration
		noticed bool
		says    string
	}{{time.Millisecond, false, "nobody noticed"}, {time.Hour, true, "somebody noticed"}} {
		var s signals
		r := &table{noticed: c.noticed}
		to := s.target(Process{"cell x", 5})
		to.Rules = r
		said := make(chan string, 1)
		to.Saw = func(_ int64, note string) { said <- note }
		done, err := rulesFlushed{c.lasts}.Inject(t.Context(), to)
		if err != nil || done.At != 7 {
			t.Fatalf("%+v, %v", done, err)
		}
		if note := <-said; !strings.Contains(note, c.says) {
			t.Errorf("said %q", note)
		}
		if err := done.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		if got := strings.Join(r.did, ", "); got != "flush, recapture, close" {
			t.Errorf("did %s", got)
		}
		want := Check{Name: "plaintext on the wire", Tried: 100, Violated: 3, Note: "packets, each counted once per link that it crosses; 1 could not be looked at"}
		if got := done.Checks(); len(got) != 1 || got[0] != want {
			t.Errorf("checks %+v", got)
		}
	}
}

func TestRulesThatCannotBeFlushed(t *testing.T) {
	var s signals
	r := &table{fail: errors.New("no")}
	to := s.target(Process{"cell x", 5})
	to.Rules = r
	if _, err := RulesFlushed.Inject(t.Context(), to); !errors.Is(err, r.fail) || strings.Join(r.did, ", ") != "flush, close" {
		t.Errorf("%v, did %v", err, r.did)
	}
	var none *NothingServesError
	if _, err := RulesFlushed.Inject(t.Context(), s.target()); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}
