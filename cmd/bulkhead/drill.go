package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
)

// newDrillCommand makes `bulkhead drill`.
func newDrillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drill",
		Short: "Break the data plane on purpose, and measure how far that reaches",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	c.AddCommand(newDrillRunCommand(), newDrillListCommand(), newDrillShowCommand(), newDrillSchemaCommand())
	return c
}

func newDrillRunCommand() *cobra.Command {
	var f drillFlags
	c := &cobra.Command{
		Use:   "run FILE|NAME...",
		Short: "Run a drill, or several, and print what was found",
		Long: `Run a drill: for each isolation, place the data plane, wait for a steady state, look at it for a while without any
fault, let the fault strike, watch who is hit until everything has recovered, undo, look again, and roll back. Then
print the table.

  bulkhead drill run crash                                      the usual table
  bulkhead drill run crash --isolation shared,none --repeat 10  two of them, ten times
  bulkhead drill run mine.yaml                                  an experiment of your own (docs/experiments.md)
  bulkhead drill run crash hang mine.yaml --repeat 5            a suite: several in one lab, interleaved
  bulkhead drill run --quick                                    the twelve incidents, with short windows
  bulkhead drill run --all                                      everything that bulkhead drill list shows
  bulkhead drill run null                                       what a drill finds where nothing is wrong
  bulkhead drill run key-theft                                  what one stolen process exposes (docs/trust.md)

Progress goes to stderr, the result to stdout. The record stays in a new directory below --out; that of a suite has one
for each experiment. Ctrl-C ends it, rolls back, and keeps what there is. A flag changes every experiment of the run.`,
		Args: cobra.ArbitraryArgs, // experiments says it better than cobra
		RunE: func(c *cobra.Command, args []string) error { return runDrills(c, &f, args) },
	}
	f.add(c)
	return c
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
