package schedule

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is where fake labs are made and fake drills write down what happens.
type house struct {
	log  []string
	labs int
	// during is called in each turn, and its error is the turn's; nil: all is well.
	during func(name string, repeat, subject int) error
	upErr  error
}

func (h *house) note(format string, args ...any) { h.log = append(h.log, fmt.Sprintf(format, args...)) }

func (h *house) up(_ context.Context, t lab.Topology, event func(lab.Event)) (Stage, error) {
	if h.upErr != nil {
		return nil, h.upErr
	}
	h.labs++
	h.note("up %d pods", len(t.Pods))
	event(lab.Event{Name: "nobody listens yet"})
	return &fakeStage{house: h}, nil
}

type fakeStage struct {
	drill.Lab // nil: fake drills need none
	house     *house
}

func (s *fakeStage) Down() error {
	s.house.note("down")
	return nil
}

// fakeTurns is a drill that takes no time.
type fakeTurns struct {
	house *house
	name  string
	show  drill.Progress
	dir   string
	saw   []string
}

func (f *fakeTurns) Begin(_ lab.Topology, dir string) error {
	f.dir = dir
	return os.WriteFile(filepath.Join(dir, "begun"), nil, 0o600)
}

func (f *fakeTurns) Turn(ctx context.Context, _ drill.Lab, repeat, subject int) error {
	f.house.note("%s %d.%d", f.name, repeat, subject)
	f.show(drill.Status{Subject: "x"})
	var err error
	if f.house.during != nil {
		err = f.house.during(f.name, repeat, subject)
	}
	return errors.Join(err, ctx.Err())
}

func (f *fakeTurns) End(failed error) (*measure.Run, error) {
	f.house.note("end %s", f.name)
	return nil, errors.Join(failed, os.WriteFile(filepath.Join(f.dir, "ended"), nil, 0o600))
}

func (f *fakeTurns) Saw(e lab.Event) { f.saw = append(f.saw, e.Name) }

// scheduled is a schedule of some experiments in a house; each is drilled on two subjects.
func scheduled(t *testing.T, h *house, all ...experiment.Experiment) *Schedule {
	t.Helper()
	s, err := New(all, 7, "bulkhead drill run x", Who{Version: "v"}, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return &Schedule{
		Suite: s, Dir: t.TempDir(), Up: h.up, Show: func(drill.Status) {},
		open: func(t *trial, _ Who, show drill.Progress) (turns, error) {
			return &fakeTurns{house: h, name: t.entry.Name, show: show}, nil
		},
	}
}

// two is an experiment with two subjects.
func two(name string, repeats int) experiment.Experiment {
	e, err := experiment.Of("crash")
	if err != nil {
		panic(err)
	}
	e.Name, e.Repeats, e.Isolations = name, repeats, []string{"none", "workload"}
	return e
}

// written is what suite.json says of each experiment.
func written(t *testing.T, s *Schedule) map[string]string {
	t.Helper()
	found, err := suite.Read(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range found.Entries {
		all[e.Name] = e.Status
		if e.Why != "" {
			all[e.Name] += ": " + e.Why
		}
	}
	return all
}
