// Command bulkhead-node is the per-node proxy: it starts as the anchor, which
// forks the keeper (this executable again) and, at the keeper's word, the cells.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/keeper"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Exit codes: misuse is the caller's to mend, a failure is not.
const (
	exitFailure = 1
	exitMisuse  = 2
)

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
	fmt.Fprintln(os.Stderr, "bulkhead-node:", err)
	var m usageError
	var refused *anchor.KeeperError
	switch {
	case errors.As(err, &m) && len(args) > 0 && args[0] == "keeper":
		return anchor.ExitMisuse // tells the anchor not to try again
	case errors.As(err, &m), errors.As(err, &refused):
		return exitMisuse
	}
	return exitFailure
}

func newRoot() *cobra.Command {
	var config string
	var faults bool
	root := &cobra.Command{
		Use:   "bulkhead-node --config FILE",
		Short: "The per-node proxy: anchor and keeper", Version: version,
		Long: `bulkhead-node keeps the data plane of one node. Started with --config it is the anchor: the tiny
parent that holds listening sockets and processes. It starts the keeper, which captures the pods
that it is told of and groups them into cells, the processes that carry bytes.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(c *cobra.Command, _ []string) error { return runAnchor(c.Context(), config, faults) },
	}
	root.Flags().StringVar(&config, "config", "", "the node's YAML file (required)")
	root.Flags().BoolVar(&faults, allowFaults, false, "for labs: let the admin socket order faults in cells")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		newKeeperCommand(), newStatusCommand(),
		newUpgradeCommand(), newReplaceCommand(),
		raw("shim", "Become a cell: drop what it must not have, then exec", true, runShim),
		raw("capture", "Install, verify or remove the capture rules of a pod", false, runCapture),
	)
	return root
}

// raw is a command that parses its own flags.
func raw(name, short string, hidden bool, run func([]string) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Hidden: hidden, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return run(args) },
	}
}

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// loadConfig reads the node file; what is wrong with it is the caller's to mend.
func loadConfig(path string) (keeper.Config, error) {
	if path == "" {
		return keeper.Config{}, usageError{errors.New("--config FILE is required")}
	}
	c, err := keeper.LoadConfig(path)
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// runAnchor checks the config before anything is forked: a keeper that cannot read
// it would only be restarted for ever.
func runAnchor(ctx context.Context, path string, faults bool) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	self, err := executable()
	if err != nil {
		return err
	}
	argv := []string{self, "keeper", "--config", path}
	if faults {
		argv = append(argv, "--"+allowFaults)
	}
	lines := telemetry.NewLines(os.Stderr)
	defer lines.Close()
	return anchor.Run(ctx, anchor.Options{
		KeeperArgv: argv,
		Logger:     newLogger(c.Log.Handler(lines, slog.LevelInfo), "anchor", c.Node),
		Grace:      time.Duration(c.Drain) + 2*time.Second,
	})
}

// executable is the path by which this program was called. Not /proc/self/exe: that
// stays the file that runs now, and not what os.Executable says, which has followed
// symbolic links: the next keeper shall be whatever is at the path then.
func executable() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return os.Executable() // called by a name that leads nowhere
	}
	return filepath.Abs(path)
}

// allowFaults is the flag of node and keeper.
const allowFaults = "allow-faults"

func newKeeperCommand() *cobra.Command {
	var config string
	var faults bool
	c := &cobra.Command{
		Use: "keeper", Short: "Keep the node's cells; started by the anchor", Hidden: true, Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := loadConfig(config)
			if err != nil {
				return err
			}
			conf.AllowFaults, conf.Level = faults, new(slog.LevelVar)
			lines := telemetry.NewLines(os.Stderr)
			defer lines.Close()
			return keeper.Run(c.Context(), conf, newLogger(conf.Log.Handler(lines, conf.Level), "keeper", conf.Node))
		},
	}
	c.Flags().StringVar(&config, "config", "", "the node's YAML file")
	c.Flags().BoolVar(&faults, allowFaults, false, "let the admin socket order faults in cells")
	return c
}

func newLogger(h slog.Handler, role, node string) *slog.Logger {
	return slog.New(h).With("role", role, "node", node)
}
