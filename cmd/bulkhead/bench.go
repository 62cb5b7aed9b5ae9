package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/cost/trial"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// newBenchCommand makes `bulkhead bench`.
func newBenchCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "bench", Short: "Measure what the data plane costs",
		Args: cobra.ArbitraryArgs, RunE: unknownCommand,
	}
	c.AddCommand(newBenchIsolationCommand(), newBenchInstrumentCommand(), newBenchPeersCommand(), newBenchDatapathCommand())
	return c
}

// benchFlags are those of `bench isolation`, and of its worker.
type benchFlags struct {
	pods       []int
	isolations []string
	repeat     int
	seed       int64
	load       time.Duration
	settle     time.Duration
}

func (f *benchFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.IntSliceVar(&f.pods, "pods", []int{10, 50, 110}, fmt.Sprintf("pods on the node under test, 1 to %d each", lab.MostDense))
	flags.StringSliceVar(&f.isolations, "isolation", lab.Isolations,
		"what to measure, in the order of the table: "+strings.Join(lab.Isolations, ", ")+"; none is added where it is missing")
	flags.IntVar(&f.repeat, "repeat", 3, "how often to measure every isolation")
	flags.Int64Var(&f.seed, "seed", 7, "of the order of isolations and the offsets of flows")
	flags.DurationVar(&f.load, "load", trial.DefaultTimes().Load, "how long the load of each turn is measured")
	flags.DurationVar(&f.settle, "settle", trial.DefaultTimes().Settle,
		"how old the data plane is before it counts as idle; Go looks for garbage every two minutes")
}

func (f *benchFlags) args(dir string, privileged bool) []string {
	var pods []string
	for _, n := range f.pods {
		pods = append(pods, strconv.Itoa(n))
	}
	return []string{
		"bench", "--pods", strings.Join(pods, ","), "--isolation", strings.Join(f.isolations, ","),
		"--repeat", strconv.Itoa(f.repeat), "--seed", strconv.FormatInt(f.seed, 10), "--load", f.load.String(), "--settle", f.settle.String(),
		"--record", dir, "--privileged=" + strconv.FormatBool(privileged),
	}
}

func (f *benchFlags) params() (trial.Params, error) {
	p := trial.Params{
		Sizes: f.pods, Isolations: f.isolations, Repeat: f.repeat, Seed: f.seed,
		Version: buildVersion(), Times: trial.DefaultTimes(),
	}
	p.Times.Load, p.Times.Settle = f.load, f.settle
	return p, p.Validate()
}

func newBenchIsolationCommand() *cobra.Command {
	var f benchFlags
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use: "isolation", Short: "What isolation costs and what sharing saves, by the number of pods on a node",
		Long: `Measure, for each number of pods on a node and each isolation, interleaved with none: memory, processes, threads,
CPU, added latency, how soon a new pod's first request is answered, what one changed workload moves, certificates
per hour, and how long it takes to replace every proxy.

  bulkhead bench isolation                                    the whole table, about half an hour
  bulkhead bench isolation --pods 10 --repeat 1               a first look
  bulkhead bench isolation --pods 110 --isolation none,workload,shared

Progress goes to stderr, the table to stdout; bulkhead report prints it again from the record, which stays in a new
directory below --out. docs/bench-isolation.md defines every column.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runBench(c, &f, out, asJSON) },
	}
	f.add(c)
	c.Flags().StringVar(&out, "out", "out", "directory for the record's directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of the table, and nothing else on stdout")
	return c
}

// runBench is the outer side. An interrupted run shows the table of what it has.
func runBench(c *cobra.Command, f *benchFlags, out string, asJSON bool) error {
	if _, err := f.params(); err != nil {
		return err
	}
	return recorded{
		name: "isolation", seed: f.seed, out: out, asJSON: asJSON, args: f.args,
		unfinished: func(dir string) string {
			return "the run did not end; bulkhead report " + dir + " shows what it has"
		},
	}.run(c)
}

// newBenchWorker is `bench isolation` inside the lab.
func newBenchWorker() *cobra.Command {
	var f benchFlags
	var r recordFlags
	c := &cobra.Command{
		Use: "bench", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.params()
			if err != nil {
				return err
			}
			p.Privileged = r.privileged
			return workBench(c, p, r.dir)
		},
	}
	f.add(c)
	r.add(c)
	return c
}

func workBench(c *cobra.Command, p trial.Params, dir string) error {
	o, err := labOptions(c)
	if err != nil {
		return err
	}
	printer := newPrinter(os.Stderr)
	defer printer.Close()
	o.Progress = func(line string) { printer.Line("lab: " + line) }
	open := func(t lab.Topology) (*lab.Lab, error) {
		o.Topology = t
		return lab.New(o)
	}
	return joined(c.Context(), trial.New(p, printer.Line).Run(c.Context(), open, dir), nil)
}
