package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// newDrillCommand makes `bulkhead drill`.
func newDrillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drill",
		Short: "Break the data plane on purpose, and measure how far that reaches",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	c.AddCommand(newDrillRunCommand(), newDrillListCommand())
	return c
}

func newDrillListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the faults that a drill can inject", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, f := range fault.All() {
				_, err := fmt.Fprintf(c.OutOrStdout(), "%-16s %s\n", f.Name(), f.Describe(fault.Target{Culprit: "the culprit", Node: "its node"}))
				if err != nil {
					return err
				}
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%-16s %s\n", theft.Name, "steal the cell of the culprit: which keys it holds, and what it can reach")
			return err
		},
	}
}

// drillFlags are those of `drill run`, and of its worker.
type drillFlags struct {
	isolations []string
	culprit    string
	seed       int64
	restart    string
	timeScale  float64
	repeat     int
	load       drill.Load
}

func (f *drillFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.isolations, "isolation", drill.DefaultIsolations,
		"what to drill, in the order of the table: "+strings.Join(lab.Isolations, ", ")+"; shared makes two rows")
	flags.StringVar(&f.culprit, "culprit", "tenant-a/checkout", "the workload whose data plane is struck")
	flags.Int64Var(&f.seed, "seed", 7, "of the order of subjects and the offsets of flows")
	flags.StringVar(&f.restart, "restart", drill.RestartKubelet,
		"kubelet: what a kubelet restarts comes back after its back-off (10 s), cells after their keeper's (500 ms); equal: everything after the kubelet's")
	flags.Float64Var(&f.timeScale, "time-scale", 0.1, "multiplies the kubelet's delays")
	flags.IntVar(&f.repeat, "repeat", 1, "how often to drill every subject")
	flags.IntVar(&f.load.Long, "long", 0, "long-lived connections in all, each with 2 requests per second (default: one per edge, with 20)")
	flags.IntVar(&f.load.New, "new", 0, "new connections per second in all (default: 20 per edge)")
}

// args are the worker's, from which it parses the same flags again.
func (f *drillFlags) args(name, dir string, privileged bool) []string {
	return []string{
		"drill", name, "--isolation", strings.Join(f.isolations, ","), "--culprit", f.culprit,
		"--seed", strconv.FormatInt(f.seed, 10), "--restart", f.restart,
		"--time-scale", strconv.FormatFloat(f.timeScale, 'g', -1, 64), "--repeat", strconv.Itoa(f.repeat),
		"--long", strconv.Itoa(f.load.Long), "--new", strconv.Itoa(f.load.New),
		"--record", dir, "--privileged=" + strconv.FormatBool(privileged),
	}
}

// params checks everything that can be wrong with the flags, for any topology that
// the lab may choose.
func (f *drillFlags) params(name string) (drill.Params, error) {
	p := drill.Params{
		Culprit: f.culprit, Seed: f.seed, Repeat: f.repeat, Version: buildVersion(), Times: drill.DefaultTimes(), Load: f.load,
		Restart: measure.Restart{Mode: f.restart, TimeScale: f.timeScale},
	}
	var err error
	if p.Fault, err = fault.ByName(name); err != nil {
		return p, usageError{err}
	}
	if p.Subjects, err = drill.Subjects(f.isolations, p.Restart); err != nil {
		return p, err
	}
	if fault.Budgeted(p.Fault) {
		p.Subjects = drill.WithBudgetsOff(p.Subjects)
	}
	return p, p.Validate(lab.Default())
}

// faultArg refuses anything but one name.
func faultArg(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	var names []string
	for _, f := range fault.All() {
		names = append(names, f.Name())
	}
	names = append(names, theft.Name)
	return usageError{fmt.Errorf("drill run wants one fault: %s", strings.Join(names, " or "))}
}

func newDrillRunCommand() *cobra.Command {
	var f drillFlags
	var out string
	var asJSON bool
	var fail failIf
	c := &cobra.Command{
		Use:   "run FAULT",
		Short: "Run a drill and print its table",
		Long: `Run a drill: for each isolation, place the data plane, wait for a steady state, look at it for a while without any
fault, let the fault strike, watch who is hit until everything has recovered, and roll back. Then print the table.

  bulkhead drill run crash                                      the usual table
  bulkhead drill run crash --isolation shared,none --repeat 10  two of them, ten times
  bulkhead drill run null                                       what a drill finds where nothing is wrong
  bulkhead drill run key-theft                                  what one stolen process exposes (docs/trust.md)

Progress goes to stderr, the table to stdout. The record stays in a new directory below --out.`,
		Args: drillArg,
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == theft.Name {
				if err := fail.none("of " + theft.Name); err != nil {
					return err
				}
				return runTheft(c, &f, out, asJSON)
			}
			return runDrill(c, &f, args[0], out, asJSON, fail)
		},
	}
	f.add(c)
	fail.add(c, "bystanders>0 or workload:error-seconds>2.5")
	c.Flags().StringVar(&out, "out", "out", "directory for the record's directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of the table, and nothing else on stdout")
	return c
}

// runDrill is the outer side: it checks, makes the directory, lets the worker drill
// inside a lab, and prints what the record says.
func runDrill(c *cobra.Command, f *drillFlags, name, out string, asJSON bool, fail failIf) error {
	if _, err := f.params(name); err != nil {
		return err
	}
	if _, err := fail.parse(false); err != nil {
		return err
	}
	return recorded{
		name: name, seed: f.seed, out: out, asJSON: asJSON, fail: fail, unfinished: drillUnfinished,
		args: func(dir string, privileged bool) []string { return f.args(name, dir, privileged) },
	}.run(c)
}

func drillUnfinished(dir string) string {
	return "the drill did not end; what it recorded is in " + dir
}

// newDrillWorker is `drill run` inside the lab.
func newDrillWorker() *cobra.Command {
	var f drillFlags
	var r recordFlags
	c := &cobra.Command{
		Use: "drill FAULT", Args: faultArg,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.params(args[0])
			if err != nil {
				return err
			}
			p.Privileged = r.privileged
			return workDrill(c, p, r.dir)
		},
	}
	f.add(c)
	r.add(c)
	return c
}

func workDrill(c *cobra.Command, p drill.Params, dir string) error {
	var d *drill.Drill
	prepare := func(o *lab.Options, printer *drill.Printer) {
		d = drill.New(p, printer.Update)
		o.Event = d.Saw
	}
	return inLab(c, prepare, func(ctx context.Context, l *lab.Lab) error {
		_, err := d.Run(ctx, l, l.Topology(), dir)
		return err
	})
}

// newPrinter shows a live line where f is a terminal.
func newPrinter(f *os.File) *drill.Printer {
	fd := int(f.Fd())
	return drill.NewPrinter(f, term.IsTerminal(fd), func() int {
		width, _, err := term.GetSize(fd)
		if err != nil {
			return 80
		}
		return width
	})
}
