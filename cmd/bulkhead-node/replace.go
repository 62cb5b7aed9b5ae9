package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/keeper"
)

// successorTimeout is more than the keeper gives one successor.
const successorTimeout = time.Minute

// newReplaceCommand is `bulkhead-node replace`.
func newReplaceCommand() *cobra.Command {
	var socket, cell string
	c := &cobra.Command{
		Use: "replace --admin SOCKET [--cell GROUP]", Short: "Replace the cells' processes one by one; nothing is refused", Args: usageArgs(cobra.NoArgs),
		Long: `Replace every cell's process by a new one, cell after cell: the successor is started from what is installed now and serves
before its predecessor stops accepting on the same sockets. Open connections stay with the predecessor until they end, at most for
the node's drain. The first successor that does not serve stops the replacement; its predecessor goes on.

  bulkhead-node upgrade --admin /run/admin.sock    # first the keeper, after new files were put in place
  bulkhead-node replace --admin /run/admin.sock    # then its cells`,
		RunE: func(c *cobra.Command, _ []string) error {
			if socket == "" {
				return usageError{errors.New("--admin SOCKET is required: it is the node file's admin")}
			}
			return replaceCells(c.Context(), admin.New(socket), cell, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&socket, "admin", "", "the keeper's admin socket (required)")
	c.Flags().StringVar(&cell, "cell", "", "replace this cell alone, as status names it")
	return c
}

// replaceCells replaces one cell or all, one after another, and waits until the
// predecessors have ended.
func replaceCells(ctx context.Context, a *admin.Client, only string, out io.Writer) error {
	began := time.Now()
	names, err := cellsOf(ctx, a, only)
	if err != nil {
		return err
	}
	var drain time.Duration
	for i, name := range names {
		r, err := replaceCell(ctx, a, name)
		if only == "" && isUnknown(err) {
			r, err = keeper.Replaced{}, nil // its last workload left since it was listed
		}
		if err != nil {
			return fmt.Errorf("replace: %d of %d cells done: %w", i, len(names), err)
		}
		drain = max(drain, time.Duration(r.Drain))
		fmt.Fprintf(out, "%d/%d %s: %s, %d open connections drain for %s at most\n", i+1, len(names), name, change(r), r.Draining, time.Duration(r.Drain))
	}
	took := time.Since(began)
	if err := awaitEnd(ctx, a, names, 2*drain+successorTimeout); err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	_, err = fmt.Fprintf(out, "%d cells replaced in %s; the last predecessor ended after %s\n", len(names), brief(took), brief(time.Since(began)))
	return err
}

func change(r keeper.Replaced) string {
	switch {
	case r.PID == 0:
		return "its last workload left"
	case r.FromPID == 0:
		return fmt.Sprintf("was away, now pid %d, after %s", r.PID, brief(time.Duration(r.Took)))
	}
	return fmt.Sprintf("pid %d by %d in %s", r.FromPID, r.PID, brief(time.Duration(r.Took)))
}

func brief(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// cellsOf is the one that is wanted, or all of the node.
func cellsOf(ctx context.Context, a *admin.Client, only string) ([]string, error) {
	if only != "" {
		return []string{only}, nil
	}
	cells, err := listCells(ctx, a)
	var names []string
	for _, c := range cells {
		if len(c.Workloads) > 0 {
			names = append(names, c.Name)
		}
	}
	return names, err
}

func listCells(ctx context.Context, a *admin.Client) (cells []keeper.CellStatus, err error) {
	if err := a.Call(ctx, "GET", "/cells", nil, &cells); err != nil {
		return nil, fmt.Errorf("replace: %w", err)
	}
	return cells, nil
}

func replaceCell(ctx context.Context, a *admin.Client, name string) (r keeper.Replaced, err error) {
	ctx, cancel := context.WithTimeout(ctx, successorTimeout)
	defer cancel()
	err = a.Call(ctx, "POST", "/replace", map[string]string{"cell": name}, &r)
	if isUnknown(err) {
		return r, usageError{err}
	}
	return r, err
}

// isUnknown says whether the keeper knows no such cell.
func isUnknown(err error) bool {
	var refused *admin.RefusedError
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

// awaitEnd returns when none of the cells has a process that drains any more.
func awaitEnd(ctx context.Context, a *admin.Client, names []string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return poll(ctx, func() error {
		cells, err := listCells(ctx, a)
		if err != nil {
			return err
		}
		for _, c := range cells {
			if len(c.Draining) > 0 && slices.Contains(names, c.Name) {
				return fmt.Errorf("process %d of cell %s still drains", c.Draining[0].PID, c.Name)
			}
		}
		return nil
	})
}
