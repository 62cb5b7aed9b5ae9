package schedule

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// Repeats are the outer loop, experiments the next, subjects the inner one; all of it in one lab.
func TestInterleaved(t *testing.T) {
	h := &house{}
	s := scheduled(t, h, two("a", 3), two("b", 2), two("c", 3))
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.log[0] != "up 12 pods" || h.log[len(h.log)-1] != "down" || h.labs != 1 {
		t.Errorf("%d labs: %q", h.labs, h.log)
	}
	var sittings []string // of each repeat
	turns := 0
	for _, line := range h.log {
		name, turn, ok := strings.Cut(line, " ")
		if !ok || name == "up" || name == "end" {
			continue
		}
		turns++
		repeat, _, _ := strings.Cut(turn, ".")
		if one := name + repeat; len(sittings) == 0 || sittings[len(sittings)-1] != one {
			sittings = append(sittings, one)
		}
	}
	// Those who share the lab are a, b and c, and b has no third repeat.
	var want []string
	for repeat := range 3 {
		for _, k := range drill.Order(7, repeat, 3) {
			if name := string(rune('a' + k)); name != "b" || repeat < 2 {
				want = append(want, name+string(rune('0'+repeat)))
			}
		}
	}
	if d := cmp.Diff(want, sittings); d != "" || turns != 2*8 {
		t.Errorf("%d turns: %s", turns, d)
	}
	if d := cmp.Diff(map[string]string{"a": "done", "b": "done", "c": "done"}, written(t, s)); d != "" {
		t.Error(d)
	}
	if s.clock.rest != 0 || s.turn != s.of {
		t.Errorf("after the end: %v left, %d of %d turns", s.clock.rest, s.turn, s.of)
	}
	if e, err := Kept(s.Dir + "/b"); err != nil || !cmp.Equal(e, two("b", 2)) {
		t.Errorf("what stands beside the record: %v, %+v", err, e)
	}
}

// An experiment that fails is marked; its other subjects and the other experiments have their turns.
func TestOneFails(t *testing.T) {
	h := &house{during: func(name string, _, subject int) error {
		if name == "b" && subject == 1 {
			return errors.New("no steady state\nwithin 20s")
		}
		return nil
	}}
	s := scheduled(t, h, two("a", 2), two("b", 2), two("c", 2))
	var said []string
	s.Say = func(line string) { said = append(said, line) }
	err := s.Run(t.Context())
	var unfinished *UnfinishedError
	if !errors.As(err, &unfinished) || !slices.Equal(unfinished.Names, []string{"b"}) || unfinished.Of != 3 {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(map[string]string{"a": "done", "b": "aborted: no steady state; within 20s", "c": "done"}, written(t, s)); d != "" {
		t.Error(d)
	}
	for _, turn := range []string{"b 0.0", "b 0.1", "b 1.0", "b 1.1", "end b"} {
		if !slices.Contains(h.log, turn) {
			t.Errorf("no turn %s: %q", turn, h.log)
		}
	}
	if h.labs != 1 || !slices.Contains(said, "b: no steady state; within 20s") {
		t.Errorf("%d labs, said %q", h.labs, said)
	}
}

// After a failed rollback the next turn has another lab.
func TestAnotherLabAfterAFailedRollback(t *testing.T) {
	failed := false
	h := &house{}
	h.during = func(name string, _, _ int) error {
		if name != "a" || failed {
			return nil
		}
		failed = true
		return errors.Join(errors.New("x"), &drill.RollbackError{Err: errors.New("a rule is left")})
	}
	s := scheduled(t, h, two("a", 1), two("b", 1))
	if err := s.Run(t.Context()); err == nil {
		t.Error("no error")
	}
	at := slices.IndexFunc(h.log, func(line string) bool { return strings.HasPrefix(line, "a 0.") })
	if h.labs != 2 || h.log[at+1] != "down" || h.log[at+2] != "up 12 pods" {
		t.Errorf("%d labs: %q", h.labs, h.log)
	}
	if got := written(t, s); got["b"] != suite.Done || !strings.HasPrefix(got["a"], "aborted: x; rollback: a rule is left") {
		t.Errorf("%v", got)
	}
}

// Ctrl-C: what has ended stays done, what goes on is aborted with a closed record, the rest has not run.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	order := drill.Order(7, 0, 3)
	names := []string{"a", "b", "c"}
	middle := names[order[1]]
	h := &house{during: func(name string, _, _ int) error {
		if name == middle {
			cancel()
		}
		return nil
	}}
	s := scheduled(t, h, two("a", 1), two("b", 1), two("c", 1))
	if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	want := map[string]string{
		names[order[0]]: "done",
		middle:          "aborted: it was interrupted",
		names[order[2]]: "not run: the suite ended before its turn: it was interrupted",
	}
	if d := cmp.Diff(want, written(t, s)); d != "" {
		t.Error(d)
	}
	found, err := suite.Read(s.Dir)
	if err != nil || found.Aborted != "it was interrupted" || found.Recorded() != 2 {
		t.Errorf("%v, %+v", err, found)
	}
	if n := len(h.log); h.log[n-2] != "down" || h.log[n-1] != "end "+middle {
		t.Errorf("%q", h.log)
	}
}

func TestNoLab(t *testing.T) {
	h := &house{upErr: &lab.Misuse{Sentence: "run as root"}}
	s := scheduled(t, h, two("a", 1), two("b", 1))
	err := s.Run(t.Context())
	var misuse *lab.Misuse
	if !errors.As(err, &misuse) {
		t.Errorf("%v", err)
	}
	for name, status := range written(t, s) {
		if !strings.Contains(status, "run as root") {
			t.Errorf("%s: %s", name, status)
		}
	}
}

// Another topology is another lab, after the first.
func TestTwoTopologies(t *testing.T) {
	other := two("b", 1)
	other.Topology = experiment.Topology{Nodes: 1, Pods: []experiment.Pod{
		{Namespace: "shop", App: "web", Node: 1, IPv6: true}, {Namespace: "shop", App: "db", Account: "store", Node: 1},
	}}
	other.Graph = experiment.Graph{Edges: []experiment.Edge{{From: "shop/web", To: "shop/db"}}}
	other.Culprit = "shop/db"
	h := &house{}
	s := scheduled(t, h, two("a", 1), other, two("c", 1))
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var labs []string
	for _, line := range h.log {
		if strings.HasPrefix(line, "up") || line == "down" {
			labs = append(labs, line)
		}
	}
	if d := cmp.Diff([]string{"up 12 pods", "down", "up 2 pods", "down"}, labs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"a": "done", "b": "done", "c": "done"}, written(t, s)); d != "" {
		t.Error(d)
	}
}

func TestTwoOfOneName(t *testing.T) {
	if _, err := New([]experiment.Experiment{two("a", 1), two("a", 1)}, 7, "x", Who{}, s0); err == nil {
		t.Error("no error")
	}
}
