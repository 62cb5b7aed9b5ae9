package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A hook strikes through its target, and its undo calms it again.
func TestHooks(t *testing.T) {
	for _, h := range []hook{CPUHog, FDLeak, CrashLoop, HalfDead, Panic} {
		var did []string
		target := Target{
			Culprit: "a/b", Node: "n", Now: func() int64 { did = append(did, "now"); return 7 },
			Serving: func() ([]Process, error) { return []Process{{Name: "cell", PID: 1}}, nil },
			Strike: func(_ context.Context, order string, lasts time.Duration) error {
				did = append(did, fmt.Sprint(order, " ", lasts))
				return nil
			},
			Calm: func(context.Context) error { did = append(did, "calm"); return nil },
		}
		done, err := h.Inject(t.Context(), target)
		if err != nil || done.At != 7 {
			t.Fatalf("%s: %+v, %v", h.name, done, err)
		}
		if err := done.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		if want := []string{"now", fmt.Sprint(h.order, " ", h.lasts), "calm"}; !slices.Equal(did, want) {
			t.Errorf("%s did %v, want %v", h.name, did, want)
		}
		target.Serving = func() ([]Process, error) { return nil, nil }
		var none *NothingServesError
		if _, err := h.Inject(t.Context(), target); !errors.As(err, &none) {
			t.Errorf("%s without a data plane: %v", h.name, err)
		}
		if f, err := ByName(h.name); err != nil || f != Fault(h) {
			t.Errorf("%s is not found: %v", h.name, err)
		}
		if got := h.For(time.Hour).(Timed).Lasts(); got != time.Hour {
			t.Errorf("%s lasts %v", h.name, got)
		}
	}
}

// A leak strikes where there is a limit at which it ends, and nowhere else.
func TestMemoryLeakNeedsALimit(t *testing.T) {
	to, _ := target([]Process{{"cell", 1}}, nil)
	var ordered time.Duration
	limit := int64(128 << 20)
	to.MemoryLimit = func() (int64, error) { return limit, nil }
	to.Strike = func(_ context.Context, order string, lasts time.Duration) error { ordered = lasts; return nil }
	done, err := MemoryLeak.For(time.Minute).Inject(t.Context(), to)
	if want := "leak-memory ordered from cell for 1m0s, to a limit of 128 MiB"; err != nil || ordered != time.Minute || done.Note != want {
		t.Errorf("ordered for %v, %v, note %q, want %q", ordered, err, done.Note, want)
	}
	limit, ordered = 0, 0
	var cannot *NotEnforceableError
	if _, err := MemoryLeak.Inject(t.Context(), to); !errors.As(err, &cannot) || ordered != 0 {
		t.Errorf("without a limit: %v", err)
	}
	to.Serving = func() ([]Process, error) { return nil, nil }
	var none *NothingServesError
	if _, err := MemoryLeak.Inject(t.Context(), to); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}
