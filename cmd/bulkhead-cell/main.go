// Command bulkhead-cell is the data plane on a node: its keeper starts it, jailed, and
// tells it over a channel what to serve. Alone in a pod it is bulkhead-sidecar.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/bulkhead-mesh/bulkhead/cmd/internal/dataplane"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

func init() { dataplane.Name("bulkhead-cell") }

func main() {
	os.Exit(dataplane.Main("bulkhead-cell", func(ctx context.Context) error { return run(ctx, os.Args[1:]) }))
}

const usage = `bulkhead-cell is the data plane of Bulkhead on a node: it captures TCP connections of pods and carries
them over mTLS. The keeper of bulkhead-node starts it ("channel"). Alone in a pod the same code is
bulkhead-sidecar.
`

var errKeeperStarts = errors.New(`a keeper starts this ("channel"); in a pod use bulkhead-sidecar`)

// run reads its flags with package flag: the tool's library of commands would be 34 KiB of an
// idle cell, with the templates, regular expressions and tables behind it.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bulkhead-cell", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	tell := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
		return nil
	case err != nil:
		return &dataplane.Misuse{Err: err}
	case *tell:
		fmt.Println("bulkhead-cell version", version)
		return nil
	case flags.Arg(0) != "channel":
		return &dataplane.Misuse{Err: errKeeperStarts}
	}
	return channel(ctx, flags.Args()[1:])
}

// channel reads what the keeper's command line says.
func channel(ctx context.Context, args []string) error {
	var logs telemetry.LogConfig
	flags := flag.NewFlagSet("channel", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar((*string)(&logs.Format), "log-format", "", "")
	flags.StringVar((*string)(&logs.Access), "log-access", "", "")
	name := flags.String("name", "cell", "")
	if err := flags.Parse(args); err != nil {
		return &dataplane.Misuse{Err: err}
	}
	if flags.NArg() > 0 {
		return &dataplane.Misuse{Err: fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	return runChannel(ctx, *name, logs)
}
