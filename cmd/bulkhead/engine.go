package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
)

// newEngineCommand makes `bulkhead engine`, the two ends of the data path's benchmark.
func newEngineCommand() *cobra.Command {
	c := &cobra.Command{
		Use: datapath.Command, Short: "An end of the data path's load; bench datapath starts it", Hidden: true, Args: cobra.NoArgs, RunE: unknownCommand,
	}
	c.AddCommand(newEngineServerCommand(), newEngineClientCommand())
	return c
}

func newEngineServerCommand() *cobra.Command {
	var listen []string
	c := &cobra.Command{
		Use: "server", Short: "Answer", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var at []netip.AddrPort
			for _, text := range listen {
				a, err := netip.ParseAddrPort(text)
				if err != nil {
					return usageError{fmt.Errorf("--listen: %w", err)}
				}
				at = append(at, a)
			}
			return engine.Server(c.Context(), at, c.OutOrStdout(), slog.New(slog.NewTextHandler(os.Stderr, nil)))
		},
	}
	c.Flags().StringSliceVar(&listen, "listen", nil, "addresses")
	return c
}

func newEngineClientCommand() *cobra.Command {
	var job string
	c := &cobra.Command{
		Use: "client", Short: "Ask", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var j engine.Job
			err := json.Unmarshal([]byte(job), &j)
			if err == nil {
				err = j.Validate()
			}
			if err != nil {
				return usageError{fmt.Errorf("--job: %w", err)}
			}
			return engine.Client(c.Context(), j, c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&job, "job", "", "what to do, as JSON")
	return c
}
