package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// who is whoever runs the experiments.
func who(privileged bool) schedule.Who {
	return schedule.Who{Version: buildVersion(), Privileged: privileged}
}

// runDrills is the outer side: it checks, writes what is to be run into the record's
// directory, lets the worker run it inside a lab, and prints what the record says.
func runDrills(c *cobra.Command, f *drillFlags, args []string) error {
	all, err := f.experiments(c, args)
	if err != nil {
		return err
	}
	if _, err := f.fail.parse(false); err != nil {
		return err
	}
	if len(all) == 1 {
		return runOne(c, f, all[0])
	}
	return runSuite(c, f, all, f.command(c, args))
}

func runOne(c *cobra.Command, f *drillFlags, e experiment.Experiment) error {
	if e.Method.Fault == experiment.KeyTheft {
		if err := f.fail.none("of " + e.Method.Fault); err != nil {
			return err
		}
	}
	return recorded{
		name: e.Name, seed: e.Seed, out: f.out, asJSON: f.asJSON, fail: f.fail, unfinished: drillUnfinished, args: drillArgs,
		prepare: func(dir string) error { return schedule.Keep(dir, e) },
		tidy: func(dir string) {
			_, err := os.Stat(filepath.Join(dir, measure.RunFile))
			if err != nil && !trust.In(dir) {
				os.Remove(filepath.Join(dir, schedule.File)) // what is left then keeps its directory
			}
		},
	}.run(c)
}

func drillUnfinished(dir string) string {
	return "the drill did not end; what it recorded is in " + dir
}

// drillArgs are the worker's: what to run stands in the directory.
func drillArgs(dir string, privileged bool) []string {
	return []string{"drill", "--record", dir, "--privileged=" + strconv.FormatBool(privileged)}
}

// newDrillWorker is `drill run` inside the lab.
func newDrillWorker() *cobra.Command {
	var r recordFlags
	c := &cobra.Command{
		Use: "drill", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if suite.In(r.dir) {
				return workSuite(c, r)
			}
			e, err := schedule.Kept(r.dir)
			switch {
			case err != nil:
				return err
			case e.Method.Fault == experiment.KeyTheft:
				return workTheft(c, e, r)
			}
			return workDrill(c, e, r)
		},
	}
	r.add(c)
	return c
}

func workDrill(c *cobra.Command, e experiment.Experiment, r recordFlags) error {
	p, err := schedule.Params(e, who(r.privileged))
	if err != nil {
		return err
	}
	t, err := schedule.Topology(e)
	if err != nil {
		return err
	}
	var d *drill.Drill
	prepare := func(o *lab.Options, printer *drill.Printer) {
		d = drill.New(p, printer.Update)
		o.Event, o.Topology = d.Saw, t
	}
	return inLab(c, prepare, func(ctx context.Context, l *lab.Lab) error {
		_, err := d.Run(ctx, l, l.Topology(), r.dir)
		return err
	})
}

func workTheft(c *cobra.Command, e experiment.Experiment, r recordFlags) error {
	p := schedule.TheftParams(e, who(r.privileged))
	t, err := schedule.Topology(e)
	if err != nil {
		return err
	}
	prepare := func(o *lab.Options, printer *drill.Printer) {
		p.Progress = func(line string) { printer.Line("drill: " + line) }
		o.Topology = t
	}
	return inLab(c, prepare, func(ctx context.Context, l *lab.Lab) error {
		_, err := theft.Run(ctx, l, p, r.dir)
		return err
	})
}

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
