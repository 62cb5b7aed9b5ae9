package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

func newLabCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "A small mesh on this machine: nodes, pods, applications, data plane",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	return c
}

// enterLab runs `bulkhead lab-worker ARGS…` inside a new lab and waits for it. The
// worker finds its directory and cgroup with labOptions.
func enterLab(ctx context.Context, exclusive bool, args ...string) error {
	base, err := lab.Base(os.Getenv("XDG_RUNTIME_DIR"))
	if err != nil {
		return err
	}
	return lab.Enter(ctx, lab.Entry{Args: args, Base: base, Exclusive: exclusive})
}

// newInitCommand makes PID 1 of a lab.
func newInitCommand() *cobra.Command {
	return &cobra.Command{
		Use: lab.InitCommand, Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := lab.Init(args); code != exitOK {
				return &lab.ExitError{Code: code}
			}
			return nil
		},
	}
}

// newWorkerCommand makes what runs inside a lab; its subcommands are what a lab is
// entered for.
func newWorkerCommand() *cobra.Command {
	c := &cobra.Command{Use: lab.WorkerCommand, Hidden: true, Args: cobra.ArbitraryArgs, RunE: unknownCommand}
	c.PersistentFlags().String(lab.DirFlag, "", "run directory of the lab")
	c.PersistentFlags().String(lab.CgroupFlag, "", "top cgroup of the lab")
	c.PersistentFlags().String(lab.BaseFlag, "", "directory of the lab's socket")
	return c
}

// labOptions reads the flags that lab.Enter gives to every worker.
func labOptions(c *cobra.Command) lab.Options {
	flag := func(name string) string { return c.Flags().Lookup(name).Value.String() }
	return lab.Options{Dir: flag(lab.DirFlag), Cgroup: flag(lab.CgroupFlag)}
}
