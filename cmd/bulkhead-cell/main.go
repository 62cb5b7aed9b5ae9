// Command bulkhead-cell is the data plane: jailed on a node, where its keeper
// starts it, and alone in a pod, where it is the sidecar.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Exit codes: misuse is the caller's to mend, a failure is not.
const (
	exitFailure = 1
	exitMisuse  = 2
)

// misuse is an error that the caller can mend by calling differently.
type misuse struct{ error }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	lines := telemetry.NewLines(os.Stderr) // which somebody may have stopped reading: that must not keep a process from its end
	fmt.Fprintln(lines, "bulkhead-cell:", err)
	lines.Close()
	var m *misuse
	if errors.As(err, &m) {
		return exitMisuse
	}
	return exitFailure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulkhead-cell",
		Short: "The data plane: captures TCP connections of pods and carries them over mTLS", Version: version,
		Long: `bulkhead-cell is the data plane of Bulkhead. On a node its keeper starts it ("channel");
alone in a pod it is the sidecar ("sidecar --config FILE"). Both run the same code.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          misuseArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return &misuse{errors.New(`say "sidecar --config FILE"; "channel" is for the keeper (see --help)`)}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &misuse{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newChannelCommand(), newSidecarCommand())
	return root
}

// misuseArgs marks errors of an argument check as misuse.
func misuseArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return &misuse{err}
		}
		return nil
	}
}
