package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

func newLabCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "A small mesh on this machine: nodes, pods, applications, data plane",
		Long: `A small mesh on this machine: 3 nodes, 12 pods of 3 tenants, their applications, a CA, and a data plane
at the isolation that you choose. It lives in namespaces of its own and touches nothing else; it needs root, or
an ordinary user with user namespaces.`,
		Args: cobra.ArbitraryArgs,
		RunE: unknownCommand,
	}
	c.AddCommand(newLabUpCommand(), newLabExecCommand(), newLabStatusCommand(), newLabDownCommand())
	return c
}

// base is the directory of the user's labs.
func base() (string, error) { return lab.Base(os.Getenv("XDG_RUNTIME_DIR")) }

// enterLab runs `bulkhead lab-worker ARGS…` inside a new lab and waits for it. The
// worker finds its directory and cgroup with labOptions.
func enterLab(ctx context.Context, exclusive bool, args ...string) error {
	dir, err := base()
	if err != nil {
		return err
	}
	return lab.Enter(ctx, lab.Entry{Args: args, Base: dir, Exclusive: exclusive})
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

// newBoxCommand makes what becomes a container of a lab.
func newBoxCommand() *cobra.Command {
	return &cobra.Command{
		Use: lab.BoxCommand, Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return lab.Box(args) },
	}
}

// newWorkerCommand makes what runs inside a lab; its subcommands are what a lab is
// entered for.
func newWorkerCommand() *cobra.Command {
	c := &cobra.Command{Use: lab.WorkerCommand, Hidden: true, Args: cobra.ArbitraryArgs, RunE: unknownCommand}
	c.PersistentFlags().String(lab.DirFlag, "", "run directory of the lab")
	c.PersistentFlags().String(lab.CgroupFlag, "", "top cgroup of the lab")
	c.PersistentFlags().String(lab.BaseFlag, "", "directory of the lab's socket")
	c.AddCommand(newUpWorker(), newDrillWorker(), newBenchWorker(), newDatapathWorker())
	return c
}

// labOptions reads the flags that lab.Enter gives to every worker.
func labOptions(c *cobra.Command) (lab.Options, error) {
	o := lab.Options{Dir: inherited(c, lab.DirFlag), Cgroup: inherited(c, lab.CgroupFlag)}
	if o.Dir == "" {
		return o, usageError{fmt.Errorf("%s is for the lab itself: use bulkhead lab up", lab.WorkerCommand)}
	}
	return o, nil
}

func inherited(c *cobra.Command, flag string) string { return c.Flags().Lookup(flag).Value.String() }

func newLabExecCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "exec POD -- COMMAND…",
		Short: "Run a program of this machine in a pod of the running lab",
		Long: `Run a program of this machine in the network of a pod of the running lab. Names of services work:

  bulkhead lab exec tenant-a/web -- curl http://checkout.tenant-a/

It sees the lab's processes, by the pids that bulkhead lab status shows, and may do to them what you may: stop a cell, and ask
bulkhead triage what is wrong.

  bulkhead lab exec tenant-a/web -- kill -STOP PID`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if dash := c.ArgsLenAtDash(); dash > 1 {
				return usageError{fmt.Errorf("one pod at a time: lab exec %s -- COMMAND", args[0])}
			}
			dir, err := base()
			if err != nil {
				return err
			}
			return lab.NewClient(dir).Exec(c.Context(), args[0], args[1:], [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
		},
		DisableFlagsInUseLine: true,
	}
}

func newLabStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the pods of the running lab, and which process serves each", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := base()
			if err != nil {
				return err
			}
			s, err := lab.NewClient(dir).Status()
			if err != nil {
				return err
			}
			return s.Write(c.OutOrStdout())
		},
	}
}

func newLabDownCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the running lab, and remove what killed ones left", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := base()
			if err != nil {
				return err
			}
			ran, err := lab.NewClient(dir).Down(c.Context())
			if err == nil && ran {
				fmt.Fprintln(c.OutOrStdout(), "the lab has ended; nothing of it is left")
			} else if err == nil {
				fmt.Fprintln(c.OutOrStdout(), "no lab is running; nothing is left of earlier ones")
			}
			return err
		},
	}
}

// joined leaves out the end of the context: Ctrl-C is not worth an error message,
// what went wrong on the way out is.
func joined(ctx context.Context, err, onTheWayOut error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, onTheWayOut)
}
