package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// datapathFlags are those of `bench datapath`, and of its worker.
type datapathFlags struct {
	p       datapath.Params
	builds  []string
	profile bool
}

func (f *datapathFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.IntVar(&f.p.Rounds, "rounds", datapath.Rounds, "how often every subject is measured in every row")
	flags.StringSliceVar(&f.p.Rows, "row", nil, "rows to measure; all when there is none: "+strings.Join(datapath.RowNames(), ", "))
	flags.StringSliceVar(&f.p.Subjects, "subject", nil, "subjects to measure; all when there is none: "+strings.Join(datapath.SubjectNames(), ", "))
	flags.StringArrayVar(&f.builds, "bin", nil, "NAME=DIR: measure the bulkhead-node and bulkhead-cell in DIR, too, as the subject NAME")
	flags.StringVar(&f.p.Ztunnel, "ztunnel", "", "a ztunnel executable to measure, too (bulkhead bench peers says how it must be built)")
	flags.StringVar(&f.p.Isolation, "isolation", lab.PerWorkload, "of our data plane, one of those that live on a node")
	flags.Int64Var(&f.p.Seed, "seed", 7, "of the order of subjects")
	flags.DurationVar(&f.p.For, "for", time.Second, "how long each measurement lasts")
	flags.BoolVar(&f.profile, "profile", false, "leave a profile of our cells for each row in the record's directory; needs perf")
	flags.BoolVar(&f.p.Quick, "quick", false, "a first look: few rows, three rounds")
}

func (f *datapathFlags) args(dir string, _ bool) []string {
	p := f.p
	args := []string{
		"datapath", "--rounds", strconv.Itoa(p.Rounds), "--isolation", p.Isolation, "--seed", strconv.FormatInt(p.Seed, 10),
		"--for", p.For.String(), "--quick=" + strconv.FormatBool(p.Quick), "--profile=" + strconv.FormatBool(f.profile), "--record", dir, "--ztunnel", p.Ztunnel,
	}
	for _, one := range []struct {
		flag string
		all  []string
	}{{"--row", p.Rows}, {"--subject", p.Subjects}, {"--bin", f.builds}} {
		for _, value := range one.all {
			args = append(args, one.flag, value)
		}
	}
	return args
}

// params are the complete parameters.
func (f *datapathFlags) params() (datapath.Params, error) {
	p := f.p
	p.Version = buildVersion()
	for i, text := range f.builds {
		b, err := datapath.ParseBuild(text)
		if err != nil {
			return p, usageError{fmt.Errorf("--bin: %w", err)}
		}
		// The worker has another directory to be relative to.
		if b.Dir, err = filepath.Abs(b.Dir); err != nil {
			return p, err
		}
		f.builds[i] = b.Name + "=" + b.Dir
		p.Builds = append(p.Builds, b)
	}
	if p.Ztunnel != "" {
		path, err := filepath.Abs(p.Ztunnel)
		if err != nil {
			return p, err
		}
		p.Ztunnel, f.p.Ztunnel = path, path
	}
	if _, err := exec.LookPath("perf"); f.profile && err != nil {
		return p, usageError{errors.New("--profile: perf is not installed (Debian: linux-perf)")}
	}
	p = p.Complete()
	return p, p.Validate()
}

// newBenchDatapathCommand makes `bulkhead bench datapath`.
func newBenchDatapathCommand() *cobra.Command {
	var f datapathFlags
	var out string
	var asJSON, check bool
	c := &cobra.Command{
		Use: "datapath [--check OLD NEW]", Short: "Measure the data path beside what people would otherwise pick, in one interleaved run",
		Long: `Measure our data path, with everything on, and the peers, row by row in one interleaved run.

  bulkhead bench datapath                                        all rows, nine rounds
  bulkhead bench datapath --quick                                a first look, about a minute
  bulkhead bench datapath --row up1 --subject bulkhead,direct
  bulkhead bench datapath --row up1 --bin before=DIR --subject before,bulkhead   two builds
  bulkhead bench datapath --check OLD NEW                        exit code 1 when a row is worse than noise

OLD and NEW are two records of this command, or two directories with executables of ours, which are then measured
as the subjects before and after of one run. docs/decisions/0023-worse-than-noise.md says when a row is worse.

Needs root: cgroups are the account of CPU time. Progress goes to stderr, the table to stdout; the record stays in a
new directory below --out. docs/performance.md says what is measured and how to read it.`,
		Args: func(_ *cobra.Command, args []string) error { return datapathArgs(check, args) },
		RunE: func(c *cobra.Command, args []string) error {
			if check {
				return checkDatapath(c, &f, out, args[0], args[1], asJSON)
			}
			return runDatapath(c, &f, out, asJSON)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&check, "check", false, "compare two records, or measure and compare two builds")
	c.Flags().StringVar(&out, "out", "out", "directory for the record's directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of the table, and nothing else on stdout")
	return c
}

// runDatapath is the outer side. An interrupted run shows the table of what it has.
func runDatapath(c *cobra.Command, f *datapathFlags, out string, asJSON bool) error {
	if _, err := f.params(); err != nil {
		return err
	}
	return recorded{
		name: "datapath", seed: f.p.Seed, out: out, asJSON: asJSON, args: f.args, always: true,
		unfinished: func(dir string) string { return "not all was measured; bulkhead report " + dir + " shows what was" },
	}.run(c)
}

// measureDatapath makes a record and shows nothing of it.
func measureDatapath(c *cobra.Command, f *datapathFlags, out string) (dir string, err error) {
	if _, err := f.params(); err != nil {
		return "", err
	}
	if dir, err = newRecordDir(out, "datapath", f.p.Seed, time.Now()); err != nil {
		return "", err
	}
	inside, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, enterLab(c.Context(), false, f.args(inside, os.Geteuid() == 0)...)
}

// newDatapathWorker is `bench datapath` inside the lab.
func newDatapathWorker() *cobra.Command {
	var f datapathFlags
	var r recordFlags
	c := &cobra.Command{
		Use: "datapath", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return workDatapath(c, &f, r.dir) },
	}
	f.add(c)
	r.add(c)
	return c
}

func workDatapath(c *cobra.Command, f *datapathFlags, dir string) error {
	p, err := f.params()
	if err != nil {
		return err
	}
	topology, err := p.Topology()
	if err != nil {
		return err
	}
	if f.profile {
		p.Profiles = dir
	}
	record, err := verdict.NewWriter(dir, p.Describe())
	if err != nil {
		return err
	}
	var end verdict.End
	say := func(string) {}
	prepare := func(o *lab.Options, printer *drill.Printer) {
		o.Topology = topology
		say = printer.Line
	}
	err = inLab(c, prepare, func(ctx context.Context, l *lab.Lab) error {
		for _, why := range p.Missing {
			say("left out: " + why)
		}
		t := datapath.New(p, say, record.Write)
		err := t.Run(ctx, l)
		end.Notes = append(p.Missing, t.Failed...)
		return err
	})
	switch {
	case c.Context().Err() != nil:
		end.Why = "it was interrupted"
	case err != nil && len(end.Notes) == len(p.Missing):
		end.Why = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return errors.Join(err, record.End(end), record.Close())
}
