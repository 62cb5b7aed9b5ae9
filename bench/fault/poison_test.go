package fault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
)

// dish is a target that is armed after some bytes have passed.
type dish struct {
	sent    []string
	ordered string
	after   int // so many are answered
	fail    error
}

func (d *dish) target() Target {
	return Target{
		Culprit: "a/b", Node: "n",
		Now:     func() int64 { return int64(len(d.sent)) },
		Serving: func() ([]Process, error) { return []Process{{"cell x", 5}}, nil },
		Strike:  func(_ context.Context, order string, _ time.Duration) error { d.ordered = order; return nil },
		Send: func(_ context.Context, text string) (bool, string, error) {
			d.sent = append(d.sent, text)
			return len(d.sent) <= d.after, "sent", d.fail
		},
	}
}

// It is sent until it strikes, and the time is that of the one that struck.
func TestPoisonIsSentUntilItStrikes(t *testing.T) {
	d := dish{after: 3}
	done, err := Poison.Inject(t.Context(), d.target())
	if err != nil || done.At != 3 || done.Note != "sent, and cell x is gone" || d.ordered != "poison" {
		t.Errorf("%+v, %v, ordered %q", done, err, d.ordered)
	}
	if len(d.sent) != 4 || d.sent[0] != fault.Poison {
		t.Errorf("sent %q", d.sent)
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPoisonWithoutEffect(t *testing.T) {
	d := dish{after: 1 << 30}
	if _, err := (poison{armed: time.Millisecond}).Inject(t.Context(), d.target()); err == nil || !strings.Contains(err.Error(), "lives") {
		t.Errorf("immune: %v", err)
	}
	d = dish{fail: &NotEnforceableError{"it talks to nobody"}}
	var cannot *NotEnforceableError
	if _, err := Poison.Inject(t.Context(), d.target()); !errors.As(err, &cannot) {
		t.Errorf("a culprit that talks to nobody: %v", err)
	}
	to := d.target()
	to.Serving = func() ([]Process, error) { return nil, nil }
	var none *NothingServesError
	if _, err := Poison.Inject(t.Context(), to); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}
