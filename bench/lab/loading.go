package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// StartLoad starts flows at a time of CLOCK_MONOTONIC (load.Now). A load that runs
// is stopped first, by each application that gets flows of the new one.
func (l *Lab) StartLoad(ctx context.Context, start int64, flows []Flow) error {
	byPod := make(map[string][]load.Flow)
	for _, f := range flows {
		if l.apps[f.From] == nil {
			return at("load", f.From, fmt.Errorf("flow %d: no such pod", f.ID))
		}
		if err := f.Validate(); err != nil {
			return at("load", f.From, err)
		}
		byPod[f.From] = append(byPod[f.From], f.Flow)
	}
	if err := ctx.Err(); err != nil {
		return at("load", "", err)
	}
	var errs []error
	for pod, mine := range byPod {
		l.apps[pod].begin()
		errs = append(errs, l.apps[pod].send(load.Command{Start: &load.Start{At: start, Flows: mine}}))
		l.apps[pod].busy = true
	}
	return errors.Join(errs...)
}

// StopLoad ends all flows and returns when every request has its record, which
// takes the longest timeout of a flow at most.
func (l *Lab) StopLoad(ctx context.Context) error {
	var errs []error
	var waiting []*application
	for _, a := range l.apps {
		if !a.busy {
			continue
		}
		a.busy = false
		if err := a.send(load.Command{Stop: true}); err != nil {
			errs = append(errs, err)
			continue
		}
		waiting = append(waiting, a)
	}
	for _, a := range waiting {
		errs = append(errs, a.awaitStopped(ctx))
	}
	return errors.Join(errs...)
}

// Records are those of all flows, in order within a pod. The channel is closed by
// Down.
func (l *Lab) Records() <-chan load.Record { return l.records }

// Lost counts records that were not read in time: a run with any is invalid.
func (l *Lab) Lost() int64 {
	var lost int64
	for _, a := range l.apps {
		lost += a.lost.Load()
	}
	return lost
}
