package fault

import (
	"errors"
	"testing"
	"time"
)

// The log is read again when the time is over or the drill undoes it.
func TestTheLogIsReadAgain(t *testing.T) {
	lost := errors.New("no such pipe")
	for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
		to, _ := target([]Process{{"cell", 1}}, nil)
		saw := make(chan string, 1)
		to.Saw = func(_ int64, note string) { saw <- note }
		to.StallLog = func() (string, func() error, error) { return "nobody reads", func() error { return lost }, nil }
		done, err := LogStall.For(lasts).Inject(t.Context(), to)
		if err != nil || done.At != 1000 || done.Note != "nobody reads" {
			t.Fatalf("%+v, %v", done, err)
		}
		if lasts < time.Hour {
			<-saw
		}
		if err := done.Undo(t.Context()); !errors.Is(err, lost) {
			t.Errorf("undo says %v", err)
		}
	}
	to, _ := target([]Process{{"cell", 1}}, nil)
	to.StallLog = func() (string, func() error, error) { return "", nil, lost }
	if _, err := LogStall.Inject(t.Context(), to); !errors.Is(err, lost) {
		t.Errorf("a log that cannot be stalled: %v", err)
	}
	to, _ = target(nil, nil)
	var none *NothingServesError
	if _, err := LogStall.Inject(t.Context(), to); !errors.As(err, &none) {
		t.Errorf("without a data plane: %v", err)
	}
}
