package fault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

// What accepts stands still until the queue overflows, and never longer: also when the
// queue cannot be seen.
func TestBacklogOverflows(t *testing.T) {
	var did []string
	looks := 0
	lost := errors.New("no such pod")
	var blind error
	to := Target{
		Culprit: "a/b", Node: "n", Now: func() int64 { return 7 },
		Serving: func() ([]Process, error) { return []Process{{"cell", 11}}, nil },
		Crowd: func(_ context.Context, kind crowd.Kind, _ int) (string, error) {
			did = append(did, string(kind))
			return "many", nil
		},
		Disperse: func() (string, error) { did = append(did, "gone"); return "5000 made", nil },
		Overflows: func() (int64, error) {
			if looks++; looks < 4 {
				return 40, nil
			}
			return 41, blind
		},
		Signal: func(_ int, s syscall.Signal) error { did = append(did, s.String()); return nil },
		Saw:    func(int64, string) {},
	}
	done, err := Backlog.For(time.Hour).Inject(t.Context(), to)
	if err != nil || done.At != 7 || !strings.Contains(done.Note, "until the queue overflowed") {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if want := []string{"burst", "stopped (signal)", "continued", "gone"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	did, looks, blind = nil, 0, lost
	if _, err := Backlog.Inject(t.Context(), to); !errors.Is(err, lost) || !slices.Contains(did, "continued") || !slices.Contains(did, "gone") {
		t.Errorf("without a sight of the queue: %v, did %q", err, did)
	}
	did = nil
	if _, err := Backlog.Times(0).Inject(t.Context(), to); err != nil || len(did) != 0 {
		t.Errorf("0 times: %v, did %q", err, did)
	}
	to.Serving = func() ([]Process, error) { return nil, nil }
	var none *NothingServesError
	if _, err := Backlog.Inject(t.Context(), to); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}
