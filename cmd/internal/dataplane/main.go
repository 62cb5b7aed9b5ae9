package dataplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
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

// Main runs a program until it ends by itself or by SIGTERM or SIGINT, and returns the exit
// code.
func Main(name string, run func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := run(ctx)
	if err == nil {
		return 0
	}
	lines := telemetry.NewLines(os.Stderr) // which somebody may have stopped reading: that must not keep a process from its end
	fmt.Fprintf(lines, "%s: %v\n", name, err)
	lines.Close()
	if _, ok := errors.AsType[*Misuse](err); ok {
		return exitMisuse
	}
	return exitFailure
}
