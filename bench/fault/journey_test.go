package fault

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// travels writes down where the culprit is sent, and what the drill is told.
type travels struct {
	to    []string
	notes []string
	fail  string // the move that fails
}

var errStays = errors.New("it stays")

func (v *travels) target() Target {
	to, _ := target([]Process{{"cell", 1}}, nil)
	to.Keepers = func() ([]Process, error) { return []Process{{"keeper", 2}}, nil }
	to.Saw = func(_ int64, note string) { v.notes = append(v.notes, note) }
	to.Move = func(ctx context.Context, where string) (string, error) {
		v.to = append(v.to, where)
		if where == v.fail && where != "" {
			return "", errStays
		}
		return "to " + where, ctx.Err()
	}
	return to
}

// The culprit goes the whole way and home; the undo waits for that.
func TestJourneys(t *testing.T) {
	for f, want := range map[Fault][]string{Regroup: {"workload", "shared", ""}, Rollback: {"sidecar", "none", ""}} {
		synctest.Test(t, func(t *testing.T) {
			var v travels
			began := time.Now()
			done, err := f.Inject(t.Context(), v.target())
			if err != nil || done.At != 1000 || done.Note == "" {
				t.Fatalf("%s: %+v, %v", f.Name(), done, err)
			}
			if err := done.Undo(t.Context()); err != nil || !slices.Equal(v.to, want) || len(v.notes) != 3 {
				t.Errorf("%s: undo %v, moved to %q, notes %q", f.Name(), err, v.to, v.notes)
			}
			if took, lasts := time.Since(began), f.(Lasting).Lasts(); took >= lasts {
				t.Errorf("%s: the rests alone take %v, all of it %v", f.Name(), took, lasts)
			}
		})
	}
}

// A move that fails ends the way out, and a drill that is called off breaks it off; home it
// goes in any case, and only the failure is one.
func TestAJourneyEndsAtHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := travels{fail: "sidecar"}
		done, err := Rollback.Inject(t.Context(), v.target())
		if err != nil {
			t.Fatal(err)
		}
		if err := done.Undo(t.Context()); !errors.Is(err, errStays) || !slices.Equal(v.to, []string{"sidecar", ""}) {
			t.Errorf("%v, moved to %q", err, v.to)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var v travels
		ctx, cancel := context.WithCancel(t.Context())
		done, err := Rollback.Inject(ctx, v.target())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		cancel()
		if err := done.Undo(t.Context()); err != nil || v.to[len(v.to)-1] != "" {
			t.Errorf("%v, moved to %q", err, v.to)
		}
	})
}

// A drain is undone when its time is over, and where it fails half-way.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v travels
		to := v.target()
		drained := 0
		var undrained atomic.Int32 // the fault's own goroutine undoes it
		var fail error
		to.Drain = func(_ context.Context, deadline time.Duration) (string, error) {
			drained++
			time.Sleep(deadline)
			return "3 were open", fail
		}
		to.Undrain = func(ctx context.Context) error { undrained.Add(1); return ctx.Err() }
		to.Now = func() int64 { return time.Now().UnixNano() }
		began := time.Now()
		done, err := Drain.Inject(t.Context(), to)
		if err != nil || drained != 1 || undrained.Load() != 0 || done.Note != "3 were open" || done.At != began.UnixNano() {
			t.Fatalf("%+v, %v, drained %d times, undone %d times", done, err, drained, undrained.Load())
		}
		time.Sleep(Drain.lasts - Drain.deadline + time.Millisecond)
		synctest.Wait()
		if undrained.Load() != 1 {
			t.Errorf("undone %d times after %v", undrained.Load(), time.Since(began))
		}
		if err := done.Undo(t.Context()); err != nil || undrained.Load() != 1 {
			t.Errorf("undo %v, undone %d times", err, undrained.Load())
		}
		fail = errors.New("refused")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Drain.Inject(ctx, to); !errors.Is(err, fail) || errors.Is(err, context.Canceled) || undrained.Load() != 2 {
			t.Errorf("%v, undone %d times", err, undrained.Load())
		}
	})
}
