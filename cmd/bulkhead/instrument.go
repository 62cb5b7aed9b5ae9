package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/instrument"
)

// newBenchInstrumentCommand makes `bulkhead bench instrument`.
func newBenchInstrumentCommand() *cobra.Command {
	var o instrument.Options
	var asJSON bool
	c := &cobra.Command{
		Use: "instrument", Short: "Check the lab's load and recorder against wrk and iperf3",
		Long: `Measure the same workloads with the lab's load and crowd and with wrk and iperf3, in turns, over a path of known delay
and rate. The exit code is 1 when two numbers are more than 10 % apart.

  bulkhead bench instrument                       about three minutes
  bulkhead bench instrument --repeat 1 --for 2s   a first look

Needs no root. wrk and iperf3 are Debian packages. docs/instrument.md says what differs between the tools, and why.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return checkInstrument(c, o, asJSON) },
	}
	c.Flags().IntVar(&o.Repeat, "repeat", 5, "how often each tool measures each workload")
	c.Flags().DurationVar(&o.For, "for", 4*time.Second, "how long each measurement takes, in whole seconds")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON with every single number instead of the table")
	return c
}

func checkInstrument(c *cobra.Command, o instrument.Options, asJSON bool) (err error) {
	if o.Bulkhead, err = os.Executable(); err != nil {
		return err
	}
	r, err := instrument.Check(c.Context(), o, func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) })
	if err != nil {
		return err
	}
	text := []byte(r.Table())
	if asJSON {
		if text, err = r.JSON(); err != nil {
			return err
		}
	}
	if _, err := c.OutOrStdout().Write(text); err != nil {
		return err
	}
	if all := r.Disagreements(); len(all) > 0 {
		return fmt.Errorf("the tools do not agree:\n  %s", strings.Join(all, "\n  "))
	}
	return nil
}
