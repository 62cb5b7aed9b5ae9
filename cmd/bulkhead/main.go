// Command bulkhead is the tool that people type: the lab, its drills and their
// reports, and the mesh's own servers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitMisuse      = 2   // the caller can mend it; the sentence says how
	exitInterrupted = 130 // Ctrl-C: 128 + SIGINT, as shells have it
)

// version is set by the linker: -X main.version=…
var version = ""

// usageError is a mistake of whoever called: an argument, a file, a privilege.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	caught := catch(ctx, cancel)
	t := &tool{}
	root := t.newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := t.exitCode(err, caught.Load())
	if err != nil && code != exitInterrupted && !spoken(err) {
		fmt.Fprintln(os.Stderr, "bulkhead:", err)
	}
	return code
}

// catch cancels the command at the first signal and remembers which it was. From
// then on signals do what they do by default, unless the command listens itself: a
// command that hangs can still be ended from the keyboard.
func catch(ctx context.Context, cancel context.CancelFunc) *atomic.Value {
	caught := new(atomic.Value)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	go awaitSignal(ctx, signals, caught, cancel)
	return caught
}

// awaitSignal ends with ctx, which run cancels in any case.
func awaitSignal(ctx context.Context, signals chan os.Signal, caught *atomic.Value, cancel context.CancelFunc) {
	select {
	case s := <-signals:
		caught.Store(s)
		signal.Stop(signals)
		cancel()
	case <-ctx.Done():
	}
}

// tool knows whether a command has begun: what cobra refuses before that is misuse,
// whatever the error's type.
type tool struct{ begun bool }

func (t *tool) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulkhead",
		Short: "A service mesh data plane at every degree of sharing, and the lab that breaks it",
		Long: `bulkhead runs a small mesh on this machine, breaks its data plane on purpose, and shows how far each
fault reaches when the data plane is shared, and when it is not.

  bulkhead lab up                  a mesh to play with, until Ctrl-C
  bulkhead drill run crash         kill the data plane of one workload, in every placement
  bulkhead bench isolation         what each placement costs, by the number of pods on a node
  bulkhead report out/RUN          the table of an earlier run, computed again from its record`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs, // unknownCommand says it better than cobra
		RunE:          unknownCommand,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newVerifyCommand(), newConnectionsCommand(), newConfigCommand(), newDrainCommand(), newRollbackCommand())
	root.AddCommand(newVersionCommand(), newLabCommand(), newDrillCommand(), newBenchCommand(), newReportCommand(), newCompareCommand(), newTrustCommand(),
		newWhoCommand(), newMoveCommand(), newTriageCommand(), newLogCommand(), newControlCommand(), newAppCommand(), newCrowdCommand(), newHogCommand(), newEngineCommand(), newInitCommand(), newBoxCommand(), newWorkerCommand(), newPeerCommand())
	t.note(root)
	return root
}

// note wraps every command so that t knows when one has begun, and that too many arguments or too few
// are answered with what it takes.
func (t *tool) note(c *cobra.Command) {
	for _, sub := range c.Commands() {
		t.note(sub)
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err == nil || isMisuse(err) {
				return err
			}
			return fmt.Errorf("%w: use %s", err, c.UseLine())
		}
	}
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			t.begun = true
			return run(c, args)
		}
	}
}

// unknownCommand is what a command that only has subcommands does by itself.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	message := fmt.Sprintf("unknown command %q: see %s --help", args[0], c.CommandPath())
	c.SuggestionsMinimumDistance = 2 // cobra's own, which it sets only for itself
	if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
		message = fmt.Sprintf("unknown command %q: did you mean %s %s?", args[0], c.CommandPath(), similar[0])
	}
	return usageError{errors.New(message)}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "bulkhead", buildVersion())
			return err
		},
	}
}

// buildVersion is the linker's, else what the go command wrote into the executable.
func buildVersion() string {
	if version != "" {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "unknown"
}

// exitCode is the code for what a command returned, and for the signal that it got.
func (t *tool) exitCode(err error, caught any) int {
	var exit *lab.ExitError
	switch {
	case caught == unix.SIGINT:
		return exitInterrupted
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.Code
	case !t.begun || isMisuse(err):
		return exitMisuse
	}
	return exitFailure
}

func isMisuse(err error) bool {
	var usage usageError
	var marked interface{ Misuse() bool }
	var config *control.ConfigError
	return errors.As(err, &usage) || errors.As(err, &config) ||
		errors.As(err, &marked) && marked.Misuse() ||
		errors.Is(err, unix.EADDRINUSE)
}

// spoken reports whether whoever failed has already said why.
func spoken(err error) bool {
	var exit *lab.ExitError
	return errors.As(err, &exit)
}
