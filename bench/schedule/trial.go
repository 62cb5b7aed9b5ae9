package schedule

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// trial is one experiment of a suite while that runs.
type trial struct {
	entry    *suite.Entry
	topology lab.Topology
	foreseen []time.Duration // how long the turn of each subject takes, about
	turns    turns           // nil: its record is not open
	failed   error
}

// turns is a drill with an open record, turn by turn; *drill.Drill is one.
type turns interface {
	Begin(t lab.Topology, dir string) error
	Turn(ctx context.Context, l drill.Lab, repeat, subject int) error
	End(failed error) (*measure.Run, error)
	Saw(lab.Event)
}

func newTrial(e *suite.Entry) (*trial, error) {
	topology, err := Topology(e.Experiment)
	return &trial{entry: e, topology: topology.Here(), foreseen: turnsOf(e.Experiment)}, err
}

// open makes the drill of an experiment.
func open(t *trial, who Who, show drill.Progress) (turns, error) {
	if t.entry.Experiment.Method.Fault == experiment.KeyTheft {
		return &robbery{params: TheftParams(t.entry.Experiment, who), show: show}, nil
	}
	p, err := Params(t.entry.Experiment, who)
	return drill.New(p, show), err
}

func (t *trial) repeats() int { return t.entry.Experiment.Repeats }

// begin opens the record in its directory below dir.
func (t *trial) begin(dir string, turns turns) error {
	dir = filepath.Join(dir, t.entry.Dir)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := Keep(dir, t.entry.Experiment); err != nil {
		return err
	}
	if err := turns.Begin(t.topology, dir); err != nil {
		return err
	}
	t.turns, t.entry.Status, t.entry.Why = turns, suite.Running, ""
	return nil
}

// fail remembers that something failed; the first error is what people are told.
func (t *trial) fail(err error) {
	if t.failed == nil {
		t.failed = err
	}
}

// end closes the record.
func (t *trial) end() error {
	_, err := t.turns.End(t.failed)
	t.turns = nil
	t.entry.Status = suite.Done
	if err != nil {
		t.entry.Status, t.entry.Why = suite.Aborted, why(err)
	}
	if t.failed != nil {
		return nil // it is known, and told of the experiment
	}
	return err
}

// groupsOf are the trials that share a topology, in the order of the first of each.
func groupsOf(all []*trial) (groups [][]*trial) {
next:
	for _, t := range all {
		for i, g := range groups {
			if reflect.DeepEqual(g[0].topology, t.topology) {
				groups[i] = append(g, t)
				continue next
			}
		}
		groups = append(groups, []*trial{t})
	}
	return groups
}
