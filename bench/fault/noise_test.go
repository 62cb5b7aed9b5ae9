package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

// The crowd comes, goes when its time is over or the drill undoes it, and what went
// wrong with it is said.
func TestTheCrowdIsSentHome(t *testing.T) {
	lost := errors.New("it went away by itself")
	for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
		to, _ := target(nil, nil)
		saw := make(chan string, 1)
		to.Crowd = func(_ context.Context, kind crowd.Kind, times int) (string, error) {
			return fmt.Sprint(times, " times ", kind), nil
		}
		to.Disperse = func() (string, error) { return "3 made", lost }
		to.Saw = func(_ int64, note string) { saw <- note }
		done, err := NoisyNeighbour.Times(2).(Timed).For(lasts).Inject(t.Context(), to)
		if err != nil || done.Note != "2 times mix" || done.At != 1000 {
			t.Fatalf("%+v, %v", done, err)
		}
		if lasts < time.Hour {
			<-saw
		}
		if err := done.Undo(t.Context()); !errors.Is(err, lost) {
			t.Errorf("undo says %v", err)
		}
		if lasts == time.Hour {
			if note := <-saw; note != "the crowd has gone; 3 made" {
				t.Errorf("saw %q", note)
			}
		}
	}
	to, _ := target(nil, nil)
	to.Crowd = func(context.Context, crowd.Kind, int) (string, error) { return "", lost }
	if _, err := NoisyNeighbour.Inject(t.Context(), to); !errors.Is(err, lost) {
		t.Errorf("a crowd that does not come: %v", err)
	}
}

// Every noise can be swept, and 0 times is nothing: the target has nobody to send.
func TestNoiseHasAStrength(t *testing.T) {
	kinds := map[crowd.Kind]bool{}
	for _, f := range All() {
		n, ok := f.(noise)
		if !ok {
			continue
		}
		kinds[n.kind] = true
		if n.times < 1 || n.times > crowd.MaxTimes {
			t.Errorf("%s: %d times", n.name, n.times)
		}
		to, _ := target(nil, nil)
		done, err := f.(Scaled).Times(0).Inject(t.Context(), to)
		if err != nil || done.Undo(t.Context()) != nil {
			t.Errorf("%s, 0 times: %v", n.name, err)
		}
		if got := f.(Timed).For(time.Minute).(Timed).Lasts(); got != time.Minute || n.Lasts() == got {
			t.Errorf("%s: lasts %v, and before %v", n.name, got, n.Lasts())
		}
		if n, _ := ByName(n.name); n != f {
			t.Errorf("%s changed", f.Name())
		}
	}
	if len(kinds) != 6 {
		t.Errorf("kinds %v, want all six", kinds)
	}
}
