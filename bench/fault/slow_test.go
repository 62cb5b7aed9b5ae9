package fault

import (
	"errors"
	"testing"
	"time"
)

// The quota is given back when the time is over, or at the undo, and once.
func TestSlowEnds(t *testing.T) {
	for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
		var s signals
		to := s.target(Process{"cell x", 5})
		restored, saw := make(chan struct{}, 2), make(chan struct{}, 2)
		to.Saw = func(int64, string) { saw <- struct{}{} }
		to.Throttle = func(share float64) (string, func() error, error) {
			if share <= 0 || share >= 1 {
				t.Errorf("a share of %v", share)
			}
			return "cut", func() error { restored <- struct{}{}; return nil }, nil
		}
		done, err := slow{lasts}.Inject(t.Context(), to)
		if err != nil || done.Note != "cut" || done.At != 7 {
			t.Fatalf("%+v, %v", done, err)
		}
		if lasts < time.Hour {
			<-saw
		}
		for range 2 {
			if err := done.Undo(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if len(restored) != 1 {
			t.Errorf("given back %d times", len(restored))
		}
	}
}

func TestSlowWhereThereIsNoQuota(t *testing.T) {
	var s signals
	to := s.target(Process{"cell x", 5})
	to.Throttle = func(float64) (string, func() error, error) { return "", nil, &NotEnforceableError{"no cgroups"} }
	var cannot *NotEnforceableError
	if _, err := Slow.Inject(t.Context(), to); !errors.As(err, &cannot) {
		t.Errorf("error %v", err)
	}
	var none *NothingServesError
	if _, err := Slow.Inject(t.Context(), s.target()); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}
