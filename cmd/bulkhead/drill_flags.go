package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// drillFlags are those of `drill run`. What was not given leaves an experiment as it is.
type drillFlags struct {
	isolations []string
	transports []string
	culprit    string
	seed       int64
	restart    string
	timeScale  float64
	repeat     int
	long, new  int

	quick, all bool
	out        string
	asJSON     bool
	fail       failIf
}

func (f *drillFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.isolations, "isolation", drill.DefaultIsolations,
		"what to drill, in the order of the table: "+strings.Join(lab.Isolations, ", ")+"; shared makes two rows")
	flags.StringSliceVar(&f.transports, "transport", []string{lab.OverHTTP2}, "what carries tunnels: "+strings.Join(lab.Transports, ", ")+", or both for a row each")
	flags.StringVar(&f.culprit, "culprit", "tenant-a/checkout", "the workload whose data plane is struck")
	flags.Int64Var(&f.seed, "seed", 7, "of the order of experiments and subjects, and the offsets of flows")
	flags.StringVar(&f.restart, "restart", drill.RestartKubelet,
		"kubelet: what a kubelet restarts comes back after its back-off (10 s), cells after their keeper's (500 ms); equal: everything after the kubelet's")
	flags.Float64Var(&f.timeScale, "time-scale", 0.1, "multiplies the kubelet's delays")
	flags.IntVar(&f.repeat, "repeat", 1, "how often to drill every subject")
	flags.IntVar(&f.long, "long", 0, "long-lived connections in all, each with 2 requests per second (default: one per edge, with 20)")
	flags.IntVar(&f.new, "new", 0, "new connections per second in all (default: 20 per edge)")
	flags.BoolVar(&f.quick, "quick", false, "the twelve incident drills, with short windows")
	flags.BoolVar(&f.all, "all", false, "everything in the catalogue")
	f.fail.add(c, "bystanders>0 or workload:error-seconds>2.5")
	flags.StringVar(&f.out, "out", "out", "directory for the record's directory")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON instead of the table, and nothing else on stdout")
}

// experiments is what the arguments and the flags ask for, checked.
func (f *drillFlags) experiments(c *cobra.Command, args []string) ([]experiment.Experiment, error) {
	chosen, err := f.chosen(c, args)
	if err != nil {
		return nil, err
	}
	var all []experiment.Experiment
	for _, e := range chosen {
		f.change(c, &e)
		for _, one := range e.Each() {
			if err := schedule.Check(one); err != nil {
				return nil, named(len(chosen), one, err)
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// named says which experiment is meant where there are several.
func named(of int, e experiment.Experiment, err error) error {
	if of == 1 {
		return err
	}
	return fmt.Errorf("%s: %w", e.Name, err)
}

// chosen is the experiments as they stand in files and in the catalogue.
func (f *drillFlags) chosen(c *cobra.Command, args []string) ([]experiment.Experiment, error) {
	switch {
	case f.quick && f.all || (f.quick || f.all) && len(args) > 0:
		return nil, usageError{errors.New("drill run wants names and files, or --quick, or --all: one of the three")}
	case f.quick:
		all, missing := schedule.Quick()
		if len(missing) > 0 {
			fmt.Fprintln(c.ErrOrStderr(), "bulkhead: not in this catalogue, so not in this run:", strings.Join(missing, ", "))
		}
		return all, nil
	case f.all:
		return schedule.All(), nil
	case len(args) == 0:
		return nil, usageError{fmt.Errorf("drill run wants a file or a name: %s", strings.Join(schedule.Names(), " or "))}
	}
	var all []experiment.Experiment
	for _, arg := range args {
		e, err := chosen(arg)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// chosen is a name of the catalogue, else a file.
func chosen(arg string) (experiment.Experiment, error) {
	if slices.Contains(schedule.Names(), arg) {
		return experiment.Of(arg)
	}
	_, err := os.Stat(arg)
	if err == nil || strings.ContainsAny(arg, "./") {
		return experiment.Read(arg)
	}
	return experiment.Experiment{}, usageError{fmt.Errorf("%w, %s, or a file", &fault.UnknownError{Name: arg}, theft.Name)}
}

// change sets what was given on the command line. The experiment about keys has its own
// usual isolations, and no load and repeats.
func (f *drillFlags) change(c *cobra.Command, e *experiment.Experiment) {
	set := c.Flags().Changed
	if set("isolation") {
		e.Isolations = f.isolations
	}
	if set("culprit") {
		e.Culprit = f.culprit
	}
	if set("seed") {
		e.Seed = f.seed
	}
	if set("restart") {
		e.Restart.Mode = f.restart
	}
	if set("time-scale") {
		e.Restart.TimeScale = f.timeScale
	}
	if e.Method.Fault == experiment.KeyTheft {
		return
	}
	if set("transport") {
		e.Transports = f.transports
	}
	if set("repeat") {
		e.Repeats = f.repeat
	}
	if set("long") {
		e.Load.Long = f.long
	}
	if set("new") {
		e.Load.New = f.new
	}
}

// command is what repeats the run: the flags that were given, and the arguments.
func (f *drillFlags) command(c *cobra.Command, args []string) string {
	words := []string{"bulkhead", "drill", "run"}
	for _, a := range args {
		words = append(words, quoted(a))
	}
	for _, name := range []string{"quick", "all", "isolation", "transport", "culprit", "seed", "restart", "time-scale", "repeat", "long", "new"} {
		if c.Flags().Changed(name) {
			value := strings.Trim(c.Flags().Lookup(name).Value.String(), "[]") // pflag's brackets of a list
			words = append(words, "--"+name+"="+quoted(value))
		}
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./,=:", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
