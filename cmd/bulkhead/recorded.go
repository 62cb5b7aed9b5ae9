package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// recorded is a run that leaves a record. It has two sides: the outer one makes the record's directory, enters a lab
// for the inner one, and prints what the record says; the inner one is a worker of the lab.
type recorded struct {
	name   string // of the directory, and what it was a run of
	seed   int64
	out    string
	asJSON bool
	// args are the worker's: the caller's flags again.
	args func(dir string, privileged bool) []string
	// fail is what makes a run that ended a failure.
	fail failIf
	// unfinished says what a run that did not end has left in a directory.
	unfinished func(dir string) string
	// prepare puts into a directory what the worker must know; nil: nothing. tidy removes
	// that where nothing was recorded.
	prepare func(dir string) error
	tidy    func(dir string)
	// always says that a run that did not end has something to show, too.
	always bool
}

// run is the outer side; flags have been checked.
func (r recorded) run(c *cobra.Command) error {
	dir, err := newRecordDir(r.out, r.name, r.seed, time.Now())
	if err != nil {
		return err
	}
	inside, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if r.prepare != nil {
		if err := r.prepare(dir); err != nil {
			return err
		}
	}
	if err := enterLab(c.Context(), false, r.args(inside, os.Geteuid() == 0)...); err != nil {
		return errors.Join(err, r.left(c, dir))
	}
	if err := showRun(c.OutOrStdout(), dir, r.asJSON); err != nil {
		return err
	}
	return r.fail.judge(dir)
}

// left says what a run that did not end has left, or removes the directory.
func (r recorded) left(c *cobra.Command, dir string) error {
	if r.tidy != nil {
		r.tidy(dir)
	}
	if os.Remove(dir) == nil { // it was empty
		return nil
	}
	defer fmt.Fprintln(c.ErrOrStderr(), "bulkhead:", r.unfinished(dir))
	if r.always {
		return showRun(c.OutOrStdout(), dir, r.asJSON)
	}
	_ = showRun(io.Discard, dir, false) // of what there is: it may be nothing yet, and then the error before says enough
	return nil
}

// recordFlags are those of a worker that no caller has.
type recordFlags struct {
	dir        string
	privileged bool
}

func (f *recordFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "record", "", "directory for the record")
	c.Flags().BoolVar(&f.privileged, "privileged", false, "the machine's root runs this")
}

// inLab runs do in a lab that is up, and takes it down. prepare sets what the lab tells,
// and of what it is made.
func inLab(c *cobra.Command, prepare func(*lab.Options, *drill.Printer), do func(context.Context, *lab.Lab) error) error {
	o, err := labOptions(c)
	if err != nil {
		return err
	}
	printer := newPrinter(os.Stderr)
	defer printer.Close()
	o.Progress = func(line string) { printer.Line("lab: " + line) }
	prepare(&o, printer)
	l, err := lab.New(o)
	if err != nil {
		return err
	}
	if err = l.Up(c.Context()); err == nil {
		err = do(c.Context(), l)
	}
	printer.Line("lab: down")
	return joined(c.Context(), err, l.Down())
}

// newRecordDir makes a directory for one record, named so that they sort by time.
func newRecordDir(out, name string, seed int64, now time.Time) (string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", usageError{fmt.Errorf("--out: %w", err)}
	}
	first := filepath.Join(out, fmt.Sprintf("%s-%s-%d", now.Format("20060102-150405"), name, seed))
	for dir, n := first, 2; ; n++ {
		err := os.Mkdir(dir, 0o755)
		if !errors.Is(err, os.ErrExist) || n > 100 {
			if err != nil {
				err = usageError{fmt.Errorf("--out: %w", err)}
			}
			return dir, err
		}
		dir = fmt.Sprintf("%s-%d", first, n)
	}
}
