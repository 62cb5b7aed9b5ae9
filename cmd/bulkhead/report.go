package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// newReportCommand makes `bulkhead report`.
func newReportCommand() *cobra.Command {
	var asJSON bool
	var fail failIf
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Print the table of a drill or a bench again, computed from its record alone",
		Long: `Print the table of a drill or a bench again. Every number is computed from the record in DIR, which it wrote:

  bulkhead report out/20261123-201500-crash-7

docs/record.md describes the record of a drill and what the words in its table mean, docs/bench-isolation.md those of
bench isolation.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("report wants one directory, such as: bulkhead report out/RUN")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := fail.parse(false); err != nil {
				return err
			}
			if err := showReport(c.OutOrStdout(), args[0], asJSON); err != nil {
				return err
			}
			return fail.judge(args[0])
		},
	}
	fail.add(c, "bystanders>0 or workload:error-seconds>2.5")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of the table")
	return c
}

// showReport prints what the record in dir says; drill run ends with it, too, so the
// two print the same bytes.
func showReport(out io.Writer, dir string, asJSON bool) error {
	dir = filepath.Clean(dir)
	doc, err := readReport(dir)
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "%srecord: %s (bulkhead report %s prints this table again)\n", doc.Table(), dir, dir)
	if asJSON {
		if text, err = doc.JSON(); err != nil {
			return err
		}
	}
	_, err = out.Write(text)
	return err
}

// judged is a record with what was made of it.
type judged interface {
	Table() string
	JSON() ([]byte, error)
}

// readReport reads the record of either kind of drill, or that of a bench.
func readReport(dir string) (judged, error) {
	switch {
	case trust.In(dir):
		return trustIn(dir)
	case cost.In(dir):
		return cost.Open(dir)
	}
	return report.Read(dir)
}
