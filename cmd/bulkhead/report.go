package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/web"
)

// reportForms are the flags of `bulkhead report`: each asks for one form, and all may be given.
type reportForms struct {
	asJSON   bool
	markdown bool
	page     string // file; besideRecord: report.html in the record's directory
	pictures string // directory
	// benchstat asks for what golang.org/x/perf/cmd/benchstat reads, of records of bench datapath.
	benchstat bool
	triage    bool // how an operator's tool did, over all of the drills
}

// besideRecord is what --html means without a file.
const besideRecord = "report.html in DIR"

// newReportCommand makes `bulkhead report`.
func newReportCommand() *cobra.Command {
	var f reportForms
	var fail failIf
	c := &cobra.Command{
		Use:   "report DIR...",
		Short: "Show what a drill, a suite or a bench found, computed from its record alone",
		Long: `Show what was found, computed again from the records in DIR: of a drill, of a suite of drills, of the drill key-theft, or
of a bench. Several are shown as a suite is.

  bulkhead report out/20261123-201500-crash-7              the table again
  bulkhead report out/RUN --html                           out/RUN/report.html: to look at, from disk, without a network
  bulkhead report out/RUN --html=page.html --svg pictures  that elsewhere, and an SVG of each strip
  bulkhead report out/RUN --md                             Markdown for a pull request
  bulkhead report out/SUITE --triage                       how bulkhead triage did over all of its drills, and what it missed
  bulkhead report out/RUN --benchstat | benchstat -col /subject -    of bench datapath

docs/report.md says how to read the page, docs/record.md what the words in it mean, docs/bench-isolation.md those of bench
isolation.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("report wants a directory, such as: bulkhead report out/RUN")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := fail.parse(false); err != nil {
				return err
			}
			if err := f.show(c.OutOrStdout(), args); err != nil {
				return err
			}
			for _, dir := range args {
				if err := fail.judge(dir); err != nil {
					return err
				}
			}
			return nil
		},
	}
	fail.add(c, "bystanders>0 or workload:error-seconds>2.5")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON instead of the table; of several records a list")
	c.Flags().BoolVar(&f.markdown, "md", false, "print Markdown instead of the table")
	c.Flags().BoolVar(&f.benchstat, "benchstat", false, "print every number of bench datapath as benchstat reads them")
	c.Flags().BoolVar(&f.triage, "triage", false, "print how bulkhead triage did in all of the drills together; with --json as JSON")
	c.Flags().StringVar(&f.page, "html", "", "write the page to this file (--html=FILE); without one, to report.html in DIR")
	c.Flags().Lookup("html").NoOptDefVal = besideRecord
	c.Flags().StringVar(&f.pictures, "svg", "", "write an SVG of each strip into this directory")
	return c
}

// show prints or writes what was asked for: files are named, and then nothing else is
// printed unless that was asked for, too.
func (f *reportForms) show(out io.Writer, dirs []string) error {
	if f.asJSON && f.markdown {
		return usageError{errors.New("--json and --md are two things to print: use one of them")}
	}
	if f.benchstat && (f.asJSON || f.markdown) {
		return usageError{errors.New("--benchstat prints by itself: leave out --json and --md")}
	}
	if f.triage && (f.markdown || f.benchstat) {
		return usageError{errors.New("--triage prints by itself: leave out --md and --benchstat")}
	}
	r, err := readReports(dirs)
	if err != nil {
		return err
	}
	return f.write(out, r)
}

func (f *reportForms) write(out io.Writer, r *reports) (err error) {
	var text []byte
	switch {
	case f.triage:
		text, err = r.triage(f.asJSON)
	case f.asJSON:
		text, err = r.json()
	case f.markdown:
		text = []byte(web.Markdown(r.web))
	case f.benchstat:
		text, err = r.benchmarks()
	case f.page == "" && f.pictures == "":
		text = []byte(r.text())
	}
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	return f.files(out, r)
}

// files writes the page and the pictures.
func (f *reportForms) files(out io.Writer, r *reports) error {
	name := func(file string) error {
		if f.asJSON || f.markdown || f.benchstat { // stdout is taken
			return nil
		}
		_, err := fmt.Fprintln(out, file)
		return err
	}
	if page := f.page; page != "" {
		if page == besideRecord {
			page = filepath.Join(r.dirs[0], pageFile)
		}
		if err := errors.Join(r.page(page), name(page)); err != nil {
			return err
		}
	}
	if f.pictures != "" {
		return errors.Join(r.pictures(f.pictures), name(f.pictures))
	}
	return nil
}

// showRun is the end of a run: it leaves the page and the JSON beside the record, and
// prints what `bulkhead report` prints.
func showRun(out io.Writer, dir string, asJSON bool) error {
	r, err := readReports([]string{dir})
	if err != nil {
		return err
	}
	if err := r.leave(); err != nil {
		return err
	}
	return (&reportForms{asJSON: asJSON}).write(out, r)
}

// pageOf says where the page of a record is, if it has one.
func pageOf(dir string) string {
	if !document.In(dir, pageFile) {
		return ""
	}
	return fmt.Sprintf("page: %s\n", filepath.Join(dir, pageFile))
}
