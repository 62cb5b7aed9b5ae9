package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// newBenchPeersCommand makes `bulkhead bench peers`.
func newBenchPeersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "peers", Short: "Print what bench datapath measures against: each peer's configuration, whole",
		Long: `Print each peer of bench datapath: what it is, and the configuration of both of its ends as a run writes them. Addresses and
files are those of an example.

  bulkhead bench peers

make bench-tools installs nginx and haproxy; printing needs neither.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := peers.Show()
			if err == nil {
				_, err = fmt.Fprint(c.OutOrStdout(), text)
			}
			return err
		},
	}
}
