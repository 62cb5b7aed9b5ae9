package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// runSuite is the outer side of several experiments.
func runSuite(c *cobra.Command, f *drillFlags, all []experiment.Experiment, command string) error {
	s, err := schedule.New(all, f.seed, command, who(os.Geteuid() == 0), time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%d experiments; on two cores they take about %v\n", len(all), schedule.Estimate(all).Round(time.Minute))
	return recorded{
		name: "suite", seed: f.seed, out: f.out, asJSON: f.asJSON, fail: f.fail, unfinished: suiteUnfinished, args: drillArgs, always: true,
		prepare: func(dir string) error {
			s.ID = filepath.Base(dir)
			return s.Write(dir)
		},
		tidy: func(dir string) {
			if s, err := suite.Read(dir); err == nil && s.Recorded() == 0 {
				os.Remove(filepath.Join(dir, suite.File)) // what is left then keeps its directory
			}
		},
	}.run(c)
}

func suiteUnfinished(dir string) string {
	return "not all of the suite was done; what it recorded is in " + dir
}

// workSuite is several experiments inside the lab, and makes another lab where one of
// them wants it.
func workSuite(c *cobra.Command, r recordFlags) error {
	s, err := suite.Read(r.dir)
	if err != nil {
		return err
	}
	o, err := labOptions(c)
	if err != nil {
		return err
	}
	printer := newPrinter(os.Stderr)
	defer printer.Close()
	o.Progress = func(line string) { printer.Line("lab: " + line) }
	runs := schedule.Schedule{
		Suite: s, Dir: r.dir, Who: who(r.privileged), Show: printer.Update, Say: printer.Line,
		Up: func(ctx context.Context, t lab.Topology, event func(lab.Event)) (schedule.Stage, error) {
			o := o
			o.Topology, o.Event = t, event
			return upLab(ctx, o)
		},
	}
	return joined(c.Context(), runs.Run(c.Context()), nil)
}

// upLab makes a lab that is up, or none.
func upLab(ctx context.Context, o lab.Options) (schedule.Stage, error) {
	l, err := lab.New(o)
	if err != nil {
		return nil, err
	}
	if err := l.Up(ctx); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return l, nil
}
