package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

// newCrowdCommand makes `bulkhead crowd`, the noise of the drill noisy-neighbour: with
// --listen the sink, else the client.
func newCrowdCommand() *cobra.Command {
	var client crowd.Client
	var to, flood, address string
	c := &cobra.Command{
		Use: "crowd", Short: "The noise of a noisy neighbour; the lab starts it", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if address != "" {
				return runSink(c, address, flood)
			}
			if client.To, err = netip.ParseAddrPort(to); err != nil {
				return usageError{fmt.Errorf("--to: %w", err)}
			}
			if err := client.Validate(); err != nil {
				return usageError{err}
			}
			return client.Run(c.Context())
		},
	}
	c.Flags().StringVar(&to, "to", "", "address of the sink")
	c.Flags().IntVar(&client.Connections, "connections", 0, "how many to keep open")
	c.Flags().StringVar(&address, "listen", "", "be the sink, at this address")
	c.Flags().StringVar(&flood, "flood", "", "address of a TLS listener that the sink floods with handshakes")
	return c
}

func runSink(c *cobra.Command, address, flood string) (err error) {
	var s crowd.Sink
	if flood != "" {
		if s.Flood, err = netip.ParseAddrPort(flood); err != nil {
			return usageError{fmt.Errorf("--flood: %w", err)}
		}
	}
	var listen net.ListenConfig
	l, err := listen.Listen(c.Context(), "tcp", address)
	if err != nil {
		return err
	}
	return s.Run(c.Context(), l)
}
