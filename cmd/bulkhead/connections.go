package main

import (
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

func newConnectionsCommand() *cobra.Command {
	n := nodes{sidecars: true}
	c := &cobra.Command{
		Use:   "connections [WORKLOAD]",
		Short: "List the open connections of a workload, or of all, and the endpoints that it has set aside",
		Long: `List the connections that are being carried now, the newest first, at most 80 of each workload; the count is of all. Endpoints
that failed again and again, and are left out for a while, follow. Cells are asked at that moment: a process that does not answer within two seconds is said
to be silent.

  bulkhead connections tenant-a/checkout
  bulkhead connections --admin /run/bulkhead --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := "/connections"
			if len(args) == 1 {
				path += "?workload=" + url.QueryEscape(args[0])
			}
			lists, err := collect[[]admin.Connections](c.Context(), &n, path)
			if err != nil {
				return err
			}
			all := []admin.Connections{}
			for _, l := range lists {
				all = append(all, l...)
			}
			if len(args) == 1 && len(all) == 0 {
				return usageError{fmt.Errorf("no process of these nodes serves %q: bulkhead who lists all", args[0])}
			}
			if n.asJSON {
				return printJSON(c.OutOrStdout(), all)
			}
			return writeConnections(c.OutOrStdout(), all, time.Now())
		},
	}
	n.flags(c)
	return c
}

func writeConnections(w io.Writer, all []admin.Connections, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i, c := range all {
		if i > 0 {
			fmt.Fprintln(t)
		}
		if c.Error != "" {
			fmt.Fprintf(t, "%s: %s\n", c.Workload, c.Error)
			continue
		}
		fmt.Fprintf(t, "%s: %d open in cell %s (pid %d)\n", c.Workload, c.Open, c.Cell, c.PID)
		if len(c.Connections) > 0 {
			fmt.Fprintln(t, "  DIRECTION\tFOR\tFROM\tTO\tBY\tPEER\tSENT\tRECEIVED")
		}
		for _, x := range c.Connections {
			by := "plaintext"
			if x.Tunnel {
				by = "tunnel"
			}
			peer := x.PeerUID
			if peer == "" {
				peer = x.Peer
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", x.Direction, ago(now, x.Since), x.Source, x.Actual, by, orNone(peer), x.Sent, x.Received)
		}
		for _, a := range c.Aside {
			fmt.Fprintf(t, "  SET ASIDE\t%s\t%s\t%d failures, tried again in %s: %s\n", a.Workload, a.Address, a.Failures, a.Until.Sub(now).Round(time.Second), a.Error)
		}
	}
	return t.Flush()
}
