package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// drainSlack is what a drain may take beyond its deadline.
const drainSlack = 30 * time.Second

func newDrainCommand() *cobra.Command {
	var n nodes
	var deadline time.Duration
	var undo bool
	c := &cobra.Command{
		Use:   "drain NODE|CELL|WORKLOAD [--deadline DURATION]",
		Short: "Let no new connection to or from a workload, a cell or a node, and wait for the open ones",
		Long: `Drain one workload (namespace/name), those that share a cell, or those of a node. New connections are refused at once, both ways, so
that clients go elsewhere; peers hear GOAWAY and leave their tunnels; open connections may end until the deadline and are cut
then. The command waits, and says how many were cut. What is drained stays drained, also when the keeper starts anew, until --undo.

  bulkhead drain tenant-a/checkout --deadline 30s
  bulkhead drain node-2                 # within the drain of the node's file
  bulkhead drain node-2 --undo`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if deadline < 0 {
				return usageError{fmt.Errorf("--deadline %v is negative", deadline)}
			}
			ctx, cancel := context.WithTimeout(c.Context(), deadline+2*drainSlack)
			defer cancel()
			all, err := drainAll(ctx, &n, args[0], admin.Drain{Seconds: deadline.Seconds(), Undo: undo})
			switch {
			case err != nil:
				return err
			case n.asJSON:
				return printJSON(c.OutOrStdout(), all)
			case undo:
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s is served again\n", args[0])
				return err
			}
			return writeDrained(c.OutOrStdout(), all)
		},
	}
	n.flags(c)
	c.Flags().DurationVar(&deadline, "deadline", 0, "how long open connections may go on (default: the drain of the node's file)")
	c.Flags().BoolVar(&undo, "undo", false, "serve again what was drained")
	return c
}

// drainAll finds what is meant, and has each keeper drain its part.
func drainAll(ctx context.Context, n *nodes, what string, order admin.Drain) ([]admin.Drained, error) {
	parts := map[string][]string{} // workloads by node
	known, err := present(ctx, n)
	if err != nil {
		return nil, err
	}
	found, err := about(known, what)
	if err != nil {
		return nil, err
	}
	for _, node := range found {
		for _, c := range node.Cells {
			for _, w := range c.Workloads {
				if c.PID != 0 && (what == node.Node || what == c.Name || what == w.UID) {
					parts[node.Node] = append(parts[node.Node], w.UID)
				}
			}
		}
	}
	if len(parts) == 0 {
		return nil, usageError{fmt.Errorf("no cell of these nodes serves %s: there is nothing to drain here (SIGTERM drains a sidecar)", what)}
	}
	all := []admin.Drained{}
	err = n.ask(ctx, func(ctx context.Context, _ string, a *admin.Client) error {
		var node admin.Node
		if err := a.Call(ctx, "GET", "/who?peers=no", nil, &node); err != nil {
			return err
		}
		mine := order
		if mine.Workloads = parts[node.Node]; len(mine.Workloads) == 0 {
			return nil
		}
		var done []admin.Drained
		err := a.Call(ctx, "POST", "/drain", mine, &done)
		all = append(all, done...)
		return err
	})
	slices.SortFunc(all, func(a, b admin.Drained) int { return strings.Compare(a.Workload, b.Workload) })
	return all, err
}

func writeDrained(w io.Writer, all []admin.Drained) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "DRAINED\tCELL\tWERE OPEN\tCUT\tAFTER")
	for _, d := range all {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\n", d.Workload, d.Cell, d.Open, d.Cut, time.Duration(d.Seconds*float64(time.Second)).Round(time.Millisecond))
	}
	return t.Flush()
}
