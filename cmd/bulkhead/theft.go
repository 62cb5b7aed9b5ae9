package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// drillArg is faultArg, or the drill that is about keys and not about faults.
func drillArg(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return faultArg(c, args)
	}
	if args[0] == theft.Name {
		return nil
	}
	if _, err := fault.ByName(args[0]); err != nil {
		return usageError{fmt.Errorf("%w, %s", err, theft.Name)}
	}
	return nil
}

// theftFlags are what is left of the flags of a drill.
type theftFlags struct {
	isolations []string
	culprit    string
	timeScale  float64
}

func (f *theftFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.isolations, "isolation", theft.DefaultIsolations, "what to drill")
	flags.StringVar(&f.culprit, "culprit", "tenant-a/checkout", "the workload whose cell is stolen")
	flags.Float64Var(&f.timeScale, "time-scale", 0.1, "multiplies the kubelet's delays")
}

func (f *theftFlags) args(dir string, privileged bool) []string {
	return []string{
		"theft", "--isolation", strings.Join(f.isolations, ","), "--culprit", f.culprit,
		"--time-scale", strconv.FormatFloat(f.timeScale, 'g', -1, 64), "--privileged=" + strconv.FormatBool(privileged),
		"--record", dir,
	}
}

func (f *theftFlags) params() (theft.Params, error) {
	p := theft.Params{
		Isolations: f.isolations, Culprit: f.culprit, TimeScale: f.timeScale, Version: buildVersion(),
	}
	return p, p.Validate(theft.Topology(f.culprit))
}

// theftOf is what a drill's flags mean for this one.
func theftOf(c *cobra.Command, d *drillFlags) *theftFlags {
	f := &theftFlags{isolations: d.isolations, culprit: d.culprit, timeScale: d.timeScale}
	if !c.Flags().Changed("isolation") {
		f.isolations = theft.DefaultIsolations
	}
	return f
}

// runTheft is the outer side of `bulkhead drill run key-theft`.
func runTheft(c *cobra.Command, d *drillFlags, out string, asJSON bool) error {
	f := theftOf(c, d)
	if _, err := f.params(); err != nil {
		return err
	}
	return recorded{
		name: theft.Name, seed: d.seed, out: out, asJSON: asJSON, unfinished: drillUnfinished, args: f.args,
	}.run(c)
}

// newTheftWorker is the drill inside the lab.
func newTheftWorker() *cobra.Command {
	var f theftFlags
	var r recordFlags
	c := &cobra.Command{
		Use: "theft", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.params()
			if err != nil {
				return err
			}
			p.Privileged = r.privileged
			return workTheft(c, p, r.dir)
		},
	}
	f.add(c)
	r.add(c)
	return c
}

func workTheft(c *cobra.Command, p theft.Params, dir string) error {
	prepare := func(o *lab.Options, printer *drill.Printer) {
		p.Progress = func(line string) { printer.Line("drill: " + line) }
		o.Topology = theft.Topology(p.Culprit)
	}
	return inLab(c, prepare, func(ctx context.Context, l *lab.Lab) error {
		_, err := theft.Run(ctx, l, p, dir)
		return err
	})
}
