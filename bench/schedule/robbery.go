package schedule

import (
	"context"
	"errors"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// robbery is the drill that is about keys as the only turn of its experiment: it writes its own record, and knows its
// subjects.
type robbery struct {
	params theft.Params
	show   drill.Progress
	dir    string
}

// Begin is part of turns.
func (r *robbery) Begin(t lab.Topology, dir string) error {
	r.dir = dir
	return r.params.Validate(t)
}

// Turn is part of turns. After a failed one the lab may still hold a thief.
func (r *robbery) Turn(ctx context.Context, l drill.Lab, _, _ int) error {
	place, ok := l.(*lab.Lab)
	if !ok {
		return errors.New("there is nothing to steal in this lab")
	}
	r.params.Progress = func(line string) { r.show(drill.Status{Subject: r.params.Culprit, Phase: "stealing", Note: line}) }
	if _, err := theft.Run(ctx, place, r.params, r.dir); err != nil {
		return &drill.RollbackError{Err: err}
	}
	return nil
}

// End is part of turns.
func (r *robbery) End(failed error) (*measure.Run, error) { return nil, failed }

// Saw is part of turns.
func (r *robbery) Saw(lab.Event) {}
