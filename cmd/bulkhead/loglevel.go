package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

func newLogCommand() *cobra.Command {
	n := nodes{sidecars: true}
	c := &cobra.Command{
		Use:   "log [debug|info|warn|error]",
		Short: "Set from which level on keepers, their cells and sidecars log; without a level, say it",
		Long: `Set from which level on keepers with their cells, and sidecars, log. It holds until it is changed again or the process starts
anew, which begins at info. Access lines are not of a level.

  bulkhead log debug
  bulkhead log info --admin /run/bulkhead/admin.sock`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			method, path := "GET", "/logging"
			if len(args) == 1 {
				method, path = "POST", "/logging?level="+url.QueryEscape(args[0])
			}
			levels := map[string]string{}
			err := n.ask(ctx, func(ctx context.Context, socket string, a *admin.Client) error {
				var now struct{ Level string }
				err := a.Call(ctx, method, path, nil, &now)
				levels[socket] = now.Level
				if err == nil && !n.asJSON {
					_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", socket, now.Level)
				}
				return err
			})
			if err == nil && n.asJSON {
				err = printJSON(c.OutOrStdout(), levels)
			}
			return err
		},
	}
	n.flags(c)
	return c
}
