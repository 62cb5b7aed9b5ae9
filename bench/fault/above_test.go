package fault

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// node is a target whose keepers and anchor are killed on paper.
type node struct {
	mu      sync.Mutex
	killed  []int
	notes   []string
	keepers int
}

func (n *node) target() Target {
	return Target{
		Culprit: "a/b", Node: "n", Now: func() int64 { return 7 },
		Keepers: func() ([]Process, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.keepers == 0 {
				return nil, nil
			}
			n.keepers++
			return []Process{{"keeper", n.keepers}}, nil
		},
		Anchor: func() ([]Process, error) { return []Process{{"anchor", 99}}, nil },
		Signal: func(pid int, s syscall.Signal) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.killed = append(n.killed, pid)
			return nil
		},
		Saw: func(_ int64, note string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.notes = append(n.notes, note)
		},
		Replace: func(context.Context) (string, error) { return "done", nil },
		Upgrade: func(context.Context) (string, error) { return "upgraded", nil },
	}
}

func (n *node) deaths() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.killed)
}

// The keepers are killed again and again, each time those that are there then, until
// the undo.
func TestKeepersAreKilledAgain(t *testing.T) {
	n := &node{keepers: 1}
	done, err := keeperCrash{every: time.Millisecond, lasts: time.Hour}.Inject(t.Context(), n.target())
	if err != nil || done.At != 7 || done.Note != "SIGKILL to keeper (pid 2)" {
		t.Fatalf("%+v, %v", done, err)
	}
	for n.deaths() < 5 {
		time.Sleep(time.Millisecond)
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	for i, pid := range n.killed {
		if pid != i+2 {
			t.Errorf("killed %v, want each keeper once", n.killed)
			break
		}
	}
	if len(n.notes) != len(n.killed)-1 {
		t.Errorf("%d notes about %d kills", len(n.notes), len(n.killed))
	}
}

func TestAnchorIsKilledOnce(t *testing.T) {
	n := &node{}
	done, err := AnchorCrash{}.Inject(t.Context(), n.target())
	if err != nil || done.Note != "SIGKILL to anchor (pid 99)" || len(n.killed) != 1 {
		t.Errorf("%+v, %v, killed %v", done, err, n.killed)
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}

// The undo waits for the replacement and passes its failure on.
func TestReplacementIsWaitedFor(t *testing.T) {
	for _, f := range []Fault{Replace, Upgrade} {
		n := &node{keepers: 1}
		target := n.target()
		done, err := f.Inject(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"replace": "done", "upgrade": "upgraded"}[f.Name()]
		if err := done.Undo(t.Context()); err != nil || len(n.notes) != 1 || n.notes[0] != want {
			t.Errorf("%s: notes %q, %v", f.Name(), n.notes, err)
		}
		broken := errors.New("no successor")
		target.Replace = func(context.Context) (string, error) { return "", broken }
		target.Upgrade = target.Replace
		if done, err = f.Inject(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		if err := done.Undo(t.Context()); !errors.Is(err, broken) {
			t.Errorf("%s: undo says %v", f.Name(), err)
		}
	}
}

func TestWithoutAKeeperNothingIsStruck(t *testing.T) {
	n := &node{}
	for _, f := range []Fault{KeeperCrash, Replace, Upgrade, Drain, Regroup, Rollback} {
		var none *NothingServesError
		if _, err := f.Inject(t.Context(), n.target()); !errors.As(err, &none) {
			t.Errorf("%s: %v", f.Name(), err)
		}
		if where := f.Describe(n.target()); !strings.Contains(where, "all nodes") && !strings.Contains(where, "a/b") {
			t.Errorf("%s describes itself as %q", f.Name(), f.Describe(n.target()))
		}
	}
}
