package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

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
	if err := f.fail.meant(all); err != nil {
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
