package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/peers"
	"github.com/bulkhead-mesh/bulkhead/bench/peers/plain"
	"github.com/bulkhead-mesh/bulkhead/bench/peers/quicgo"
	"github.com/bulkhead-mesh/bulkhead/bench/peers/xnet"
)

// newPeerCommand makes `bulkhead peer`: the peers of bench datapath that are ours.
func newPeerCommand() *cobra.Command {
	c := &cobra.Command{
		Use: peers.HiddenCommand, Short: "A proxy that the data plane is measured against; bench datapath starts it",
		Hidden: true, Args: cobra.NoArgs, RunE: unknownCommand,
	}
	c.AddCommand(
		newPeerEnd(peers.HiddenSplice, false, func(ctx context.Context, l net.Listener, next string, _ xnet.Files) error {
			return plain.Serve(ctx, l, next)
		}),
		newPeerEnd(peers.HiddenClient, true, func(ctx context.Context, l net.Listener, next string, f xnet.Files) error {
			return xnet.Client(ctx, l, next, peers.ServerName, f)
		}),
		newPeerEnd(peers.HiddenServer, true, xnet.Server),
		newPeerEnd(peers.HiddenQUICClient, true, func(ctx context.Context, l net.Listener, next string, f xnet.Files) error {
			return quicgo.Client(ctx, l, next, peers.ServerName, f)
		}),
		newPeerEnd(peers.HiddenQUICServer, true, quicgo.Server),
	)
	return c
}

func newPeerEnd(name string, secured bool, serve func(context.Context, net.Listener, string, xnet.Files) error) *cobra.Command {
	var listen, next string
	var f xnet.Files
	c := &cobra.Command{
		Use: name, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, _, err := net.SplitHostPort(next); err != nil {
				return usageError{fmt.Errorf("--next: %w", err)}
			}
			var d net.ListenConfig
			l, err := d.Listen(c.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			return serve(c.Context(), l, next, f)
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "address to accept connections at")
	c.Flags().StringVar(&next, "next", "", "address to carry them to")
	if secured {
		c.Flags().StringVar(&f.Cert, "cert", "", "file of the own chain, PEM")
		c.Flags().StringVar(&f.Key, "key", "", "file of its key, PEM")
		c.Flags().StringVar(&f.CA, "ca", "", "file of whom to trust, PEM")
	}
	return c
}
