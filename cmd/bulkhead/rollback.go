package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

const (
	rollbackDeadline = time.Hour        // also the longest that a keeper takes
	rollbackSlack    = 2 * time.Minute  // that it may take beyond
	rollbackEnd      = 30 * time.Second // for the processes to end, after the last pod is let go
)

func newRollbackCommand() *cobra.Command {
	var n nodes
	var deadline time.Duration
	var force bool
	c := &cobra.Command{
		Use:   "rollback NODE [--deadline DURATION]",
		Short: "Take a node's proxy away, under load: every pod as it was before it came",
		Long: `Take the proxy of a node away. New connections of its pods go direct from now on, in PLAINTEXT and under no policy, none of them is
refused; open ones stay in their tunnels until they end, and are cut at the deadline, which is an hour unless you say otherwise. Only then are the capture rules
removed, pod by pod, and the node's proxy ends. The command waits, and can be repeated when it was interrupted.

Before it, have the mesh no longer say that the node's workloads speak HBONE, and no policy demand it: peers that dial tunnels would be refused, so the
command does nothing until then (--force: it does all the same). After it, see to it that nothing starts bulkhead-node again (a service manager, a
DaemonSet; the running lab does so after its kubelet's back-off), and prove with bulkhead verify --clean that nothing is left.

  bulkhead rollback node-2 --admin /run/bulkhead/admin.sock --deadline 10m`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if deadline <= 0 || deadline > rollbackDeadline {
				return usageError{fmt.Errorf("--deadline %v: more than 0 and at most %v", deadline, rollbackDeadline)}
			}
			ctx, cancel := context.WithTimeout(c.Context(), deadline+rollbackSlack)
			defer cancel()
			at, err := keeperOf(ctx, &n, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s: new connections are to go direct; then the open ones are waited for, %v at most\n", args[0], deadline)
			done, err := rollBack(ctx, at, admin.Rollback{Seconds: deadline.Seconds(), Force: force})
			switch {
			case err != nil:
				return err
			case n.asJSON:
				return printJSON(c.OutOrStdout(), done)
			}
			if err := writeDrained(c.OutOrStdout(), done); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: the node's proxy has ended; bulkhead verify --clean proves that nothing is left\n", args[0])
			return err
		},
	}
	n.flags(c)
	c.Flags().DurationVar(&deadline, "deadline", rollbackDeadline, "how long open connections may go on")
	c.Flags().BoolVar(&force, "force", false, "although the mesh still says that the node's workloads speak HBONE: their peers are refused")
	return c
}

// keeperOf finds the admin socket of a node's keeper.
func keeperOf(ctx context.Context, n *nodes, node string) (at string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = n.ask(ctx, func(ctx context.Context, socket string, a *admin.Client) error {
		var who admin.Node
		err := a.Call(ctx, "GET", "/who?peers=no", nil, &who)
		if err == nil && who.Node == node {
			at = socket
		}
		return err
	})
	switch {
	case err != nil:
		return "", err
	case at == "":
		return "", usageError{fmt.Errorf("%q is the node of none of the keepers that were asked: bulkhead who lists all", node)}
	}
	return at, nil
}

// rollBack returns when the processes of the keeper at a socket have ended, and its anchor.
func rollBack(ctx context.Context, at string, order admin.Rollback) (done []admin.Drained, err error) {
	processes := nodeAt(at)
	defer processes.close()
	if err := admin.New(at).Call(ctx, "POST", "/rollback", order, &done); err != nil {
		return nil, ofKeeper(at, err)
	}
	return done, awaitEnd(ctx, at, processes)
}

// awaitEnd returns when a keeper's socket has gone, and its processes. The socket goes first,
// when the keeper begins to end.
func awaitEnd(ctx context.Context, socket string, processes ended) error {
	ctx, cancel := context.WithTimeout(ctx, rollbackEnd)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(socket); errors.Is(err, os.ErrNotExist) && processes.all() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("every pod is let go, but the node's proxy at %s does not end, or was started again: %w", socket, context.Cause(ctx))
		}
	}
}
