package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// Forms of the trust report.
const (
	formTable    = "table"
	formJSON     = "json"
	formMarkdown = "markdown"
)

// newTrustCommand makes `bulkhead trust`.
func newTrustCommand() *cobra.Command {
	var workload, form string
	c := &cobra.Command{
		Use:   "trust [DIR]",
		Short: "Show what each process of the data plane exposes when it is stolen",
		Long: `Show which keys each process of the data plane holds, for how long they are good, which SVIDs it can get, and
what it can reach: of the running lab, whose processes' memory is read for that, or from the record of a drill.

  bulkhead trust                                            the running lab
  bulkhead drill run key-theft                              every isolation, with an attack in the cell's place
  bulkhead trust out/20261125-100000-key-theft-7 -o markdown

docs/trust.md says how to read it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if form != formTable && form != formJSON && form != formMarkdown {
				return usageError{fmt.Errorf("output %q is not known: use %s, %s or %s", form, formTable, formJSON, formMarkdown)}
			}
			record, err := trustRecord(c.Context(), args, workload)
			if err != nil {
				return err
			}
			return showTrust(c.OutOrStdout(), trust.Judge(record), form)
		},
	}
	c.Flags().StringVar(&workload, "workload", "tenant-a/checkout", "in the running lab: the workload from whose side to look")
	c.Flags().StringVarP(&form, "output", "o", formTable, "table, json or markdown")
	return c
}

// trustRecord is the record in the directory, or that of the running lab.
func trustRecord(ctx context.Context, args []string, workload string) (*trust.Record, error) {
	if len(args) == 1 {
		return trust.Read(filepath.Clean(args[0]))
	}
	if workload == "" {
		return nil, usageError{errors.New("--workload is empty: name a pod of the lab (bulkhead lab status lists them)")}
	}
	dir, err := base()
	if err != nil {
		return nil, err
	}
	b, err := lab.NewClient(dir).Trust(ctx, workload, os.Stderr)
	if err != nil {
		return nil, err
	}
	return trust.Decode(bytes.NewReader(b))
}

func showTrust(out io.Writer, res *trust.Result, form string) error {
	var err error
	text := []byte(nil)
	switch form {
	case formJSON:
		text, err = res.JSON()
	case formMarkdown:
		text = []byte(res.Markdown())
	default:
		text = []byte(res.Table())
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// lookAt is the lab's side: it looks at the data plane that is placed.
func lookAt(ctx context.Context, l *lab.Lab, workload string, progress io.Writer) ([]byte, error) {
	p := theft.Params{
		Isolations: theft.DefaultIsolations, Culprit: workload, TimeScale: 1, Version: buildVersion(), Privileged: l.ManyUIDs(),
		Progress: func(line string) { fmt.Fprintln(progress, "lab:", line) },
	}
	if err := p.Validate(l.Topology()); err != nil {
		return nil, err
	}
	record, err := theft.Look(ctx, l, p)
	if err != nil {
		return nil, err
	}
	return record.Encode()
}

// trustIn is what bulkhead says of the record of a drill key-theft.
func trustIn(dir string) (*trust.Result, error) {
	record, err := trust.Read(dir)
	if err != nil {
		return nil, err
	}
	return trust.Judge(record), nil
}
