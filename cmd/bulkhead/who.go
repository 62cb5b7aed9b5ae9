package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

func newWhoCommand() *cobra.Command {
	n := nodes{sidecars: true}
	c := &cobra.Command{
		Use:   "who [WORKLOAD|CELL|NODE]",
		Short: "Show which workloads share a data-plane process, since when, and how it is",
		Long: `Show who shares a path with a workload (namespace/name), what a cell serves, or what a node has: which workloads are in the
same process, since when, the workloads of other nodes that they talk with, health, restarts, and how long what is known lasts
without CA and control. Without an argument: every cell of every node.

  bulkhead who tenant-a/checkout             # in the running lab
  bulkhead who node-2 --json
  bulkhead who shared --admin /run/bulkhead  # every keeper whose socket is in that directory

docs/operators.md says how to read it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			all, err := collect[admin.Node](c.Context(), &n, "/who")
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if all, err = about(all, args[0]); err != nil {
					return err
				}
			}
			if n.asJSON {
				return printJSON(c.OutOrStdout(), all)
			}
			return writeWho(c.OutOrStdout(), all, time.Now())
		},
	}
	n.flags(c)
	return c
}

// about keeps what has to do with a node, a cell or a workload, in that order.
func about(all []admin.Node, what string) ([]admin.Node, error) {
	if i := slices.IndexFunc(all, func(n admin.Node) bool { return n.Node == what }); i >= 0 {
		return all[i : i+1], nil
	}
	var found []admin.Node
	for _, n := range all {
		n.Cells = slices.DeleteFunc(n.Cells, func(c admin.Cell) bool {
			return c.Name != what && !slices.ContainsFunc(c.Workloads, func(w admin.Workload) bool { return w.UID == what })
		})
		if len(n.Cells) > 0 {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil, usageError{fmt.Errorf("%q is no node, cell or workload of the keepers that were asked: bulkhead who lists all", what)}
	}
	return found, nil
}

func writeWho(w io.Writer, all []admin.Node, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i, n := range all {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "NODE %s: isolation %s, keeper %d up %s, mesh version %d%s from %s\n", n.Node, n.Isolation, n.PID, ago(now, n.Since), n.Mesh.Version, heldFor(now, n.Mesh.Since), orNone(n.Mesh.Source))
		if n.Mesh.Error != "" {
			fmt.Fprintf(t, "mesh: nothing newer is heard for %s: %s\n", ago(now, n.Mesh.Heard), n.Mesh.Error)
		}
		if n.Mesh.Refused != "" {
			fmt.Fprintf(t, "mesh: the newest is not used: %s\n", n.Mesh.Refused)
		}
		for _, c := range n.Cells {
			writeCell(t, c, now)
		}
	}
	return t.Flush()
}

func writeCell(t io.Writer, c admin.Cell, now time.Time) {
	fmt.Fprintf(t, "\n%s: %s for %s, %s", cellTitle(c), c.State, ago(now, c.Since), c.Health)
	if c.Restarts > 0 {
		fmt.Fprintf(t, ", restarts %d", c.Restarts)
	}
	if len(c.Draining) > 0 {
		fmt.Fprintf(t, ", earlier processes drain: %v", c.Draining)
	}
	fmt.Fprintf(t, "\n%s\n", survival(c, now))
	fmt.Fprintln(t, "  SHARED BY\tFOR\tOPEN\tIDENTITY\tREMARK")
	for _, w := range c.Workloads {
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\t%s\n", w.UID, ago(now, w.Since), w.Open, orNone(w.Identity), remark(w))
	}
	if len(c.Peers) > 0 {
		fmt.Fprintln(t, "  TALKS WITH\tON\tOPEN")
		for _, p := range c.Peers {
			fmt.Fprintf(t, "  %s\t%s\t%d\n", p.Workload, orNone(p.Node), p.Open)
		}
	}
}

func cellTitle(c admin.Cell) string {
	if c.PID == 0 {
		return "CELL " + c.Name
	}
	return fmt.Sprintf("CELL %s (pid %d)", c.Name, c.PID)
}

// survival says what the loss of everything above would mean.
func survival(c admin.Cell, now time.Time) string {
	s := c.Survival
	switch {
	case c.PID == 0:
		return "  survival budget: none, no process of this node serves it"
	case s == nil:
		return "  survival budget: not known, the cell has not told of its SVIDs"
	case s.Until.Before(now):
		return fmt.Sprintf("  survival budget: used up, the SVID of %s ended %s ago", s.Identity, ago(now, s.Until))
	}
	return fmt.Sprintf("  survival budget: %s without CA or control (the SVID of %s ends first)", s.Until.Sub(now).Round(time.Second), s.Identity)
}

func remark(w admin.Workload) string {
	var all []string
	switch w.Instead {
	case "":
	case "passthrough":
		all = append(all, "PLAINTEXT, NO POLICY: its cell is dead and onFailure says passthrough")
	default:
		all = append(all, "new connections: "+w.Instead)
	}
	if w.Drained {
		all = append(all, "drained")
	}
	if w.Identity == "" {
		all = append(all, "the mesh does not know it")
	}
	return strings.Join(all, "; ")
}

// heldFor is nothing of a sidecar, which does not know it.
func heldFor(now, since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return " for " + ago(now, since)
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	d := now.Sub(then)
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
