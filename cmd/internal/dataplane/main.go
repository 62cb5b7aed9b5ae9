package dataplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Exit codes: misuse is the caller's to mend, a failure is not.
const (
	exitFailure = 1
	exitMisuse  = 2
)

// Misuse is an error that the caller can mend by calling differently.
type Misuse struct{ Err error }

func (m *Misuse) Error() string { return m.Err.Error() }
func (m *Misuse) Unwrap() error { return m.Err }

// Main runs a command until it ends by itself or by SIGTERM or SIGINT, and returns the
// exit code. It makes root silent and its mistaken flags Misuse.
func Main(root *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &Misuse{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	lines := telemetry.NewLines(os.Stderr) // which somebody may have stopped reading: that must not keep a process from its end
	fmt.Fprintf(lines, "%s: %v\n", root.Name(), err)
	lines.Close()
	if _, ok := errors.AsType[*Misuse](err); ok {
		return exitMisuse
	}
	return exitFailure
}

// Args marks errors of an argument check as misuse.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return &Misuse{err}
		}
		return nil
	}
}

// Transport is how tunnels of one workload are made.
func Transport(a *budget.Account) tunnel.Transport { return h2.New(h2.Options{Account: a}) }
