package fault

import (
	"errors"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/hog"
)

// An application that is out of hand ends when its time is over or the drill undoes it;
// how it ended is said, and what went wrong.
func TestMisdeedsEnd(t *testing.T) {
	for _, f := range []misdeed{AppHog, AppHogLimited, AppOOM, AppOOMPod} {
		for _, lasts := range []time.Duration{time.Millisecond, time.Hour} {
			to, _ := target(nil, nil)
			saw := make(chan string, 1)
			lost := errors.New("it would not start")
			to.Saw = func(_ int64, note string) { saw <- note }
			to.Misbehave = func(kind hog.Kind, limited bool) (string, func() (string, error), error) {
				if kind != f.kind || limited != f.limited {
					t.Errorf("%s: %s, limited %t", f.name, kind, limited)
				}
				return "a hog", func() (string, error) { return "ended", lost }, nil
			}
			done, err := f.For(lasts).Inject(t.Context(), to)
			if err != nil || done.At != 1000 || done.Note != "a hog" {
				t.Fatalf("%s: %+v, %v", f.name, done, err)
			}
			if lasts < time.Hour {
				<-saw
			}
			if err := done.Undo(t.Context()); !errors.Is(err, lost) {
				t.Errorf("%s: undo says %v", f.name, err)
			}
		}
		to, _ := target(nil, nil)
		to.Misbehave = func(hog.Kind, bool) (string, func() (string, error), error) {
			return "", nil, &NotEnforceableError{"no cgroups"}
		}
		var cannot *NotEnforceableError
		if _, err := f.Inject(t.Context(), to); !errors.As(err, &cannot) {
			t.Errorf("%s where there are no cgroups: %v", f.name, err)
		}
	}
}
