package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// drillArg is faultArg, or the drill that is about keys and not about faults.
func drillArg(c *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] == theft.Name {
		return nil
	}
	return faultArg(c, args)
}

// theftFlags are what is left of the flags of a drill.
type theftFlags struct {
	isolations []string
	culprit    string
	timeScale  float64
	privileged bool
}

func (f *theftFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.isolations, "isolation", theft.DefaultIsolations, "what to drill")
	flags.StringVar(&f.culprit, "culprit", "tenant-a/checkout", "the workload whose cell is stolen")
	flags.Float64Var(&f.timeScale, "time-scale", 0.1, "multiplies the kubelet's delays")
	flags.BoolVar(&f.privileged, "privileged", false, "the machine's root runs this")
}

func (f *theftFlags) args(dir string) []string {
	return []string{
		"theft", "--isolation", strings.Join(f.isolations, ","), "--culprit", f.culprit,
		"--time-scale", strconv.FormatFloat(f.timeScale, 'g', -1, 64), "--privileged=" + strconv.FormatBool(f.privileged),
		"--record", dir,
	}
}

func (f *theftFlags) params() (theft.Params, error) {
	p := theft.Params{
		Isolations: f.isolations, Culprit: f.culprit, TimeScale: f.timeScale, Version: buildVersion(), Privileged: f.privileged,
	}
	return p, p.Validate(theft.Topology(f.culprit))
}

// theftOf is what a drill's flags mean for this one.
func theftOf(c *cobra.Command, d *drillFlags) *theftFlags {
	f := &theftFlags{isolations: d.isolations, culprit: d.culprit, timeScale: d.timeScale, privileged: os.Geteuid() == 0}
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
	dir, err := newRecordDir(out, theft.Name, d.seed, time.Now())
	if err != nil {
		return err
	}
	inside, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := enterLab(c.Context(), false, f.args(inside)...); err != nil {
		if os.Remove(dir) != nil { // it is not empty
			fmt.Fprintf(c.ErrOrStderr(), "bulkhead: the drill did not end; what it recorded is in %s\n", dir)
		}
		return err
	}
	return showReport(c.OutOrStdout(), dir, asJSON)
}

// newTheftWorker is the drill inside the lab.
func newTheftWorker() *cobra.Command {
	var f theftFlags
	var dir string
	c := &cobra.Command{
		Use: "theft", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.params()
			if err != nil {
				return err
			}
			return workTheft(c, p, dir)
		},
	}
	f.add(c)
	c.Flags().StringVar(&dir, "record", "", "directory for the record")
	return c
}

func workTheft(c *cobra.Command, p theft.Params, dir string) error {
	o, err := labOptions(c)
	if err != nil {
		return err
	}
	printer := newPrinter(os.Stderr)
	defer printer.Close()
	p.Progress = func(line string) { printer.Line("drill: " + line) }
	o.Progress = func(line string) { printer.Line("lab: " + line) }
	o.Topology = theft.Topology(p.Culprit)
	l, err := lab.New(o)
	if err != nil {
		return err
	}
	err = theftIn(c.Context(), l, p, dir)
	printer.Line("lab: down")
	return joined(c.Context(), err, l.Down())
}

func theftIn(ctx context.Context, l *lab.Lab, p theft.Params, dir string) error {
	if err := l.Up(ctx); err != nil {
		return err
	}
	_, err := theft.Run(ctx, l, p, dir)
	return err
}
