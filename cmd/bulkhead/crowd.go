package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

// newCrowdCommand makes `bulkhead crowd`, the noise of drills: one of its processes.
func newCrowdCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "crowd", Short: "The noise of drills; the lab starts it", Hidden: true, Args: cobra.NoArgs, RunE: unknownCommand,
	}
	c.AddCommand(newCrowdClientCommand(), newCrowdPaceCommand("storm"), newCrowdPaceCommand("greeter"), newCrowdSinkCommand())
	return c
}

// member is a part of a crowd that goes somewhere.
type member interface {
	Validate() error
	Run(context.Context, *crowd.Tally) error
}

func newCrowdClientCommand() *cobra.Command {
	var client crowd.Client
	var to string
	c := &cobra.Command{
		Use: "client", Short: "Keep connections", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if client.To, err = netip.ParseAddrPort(to); err != nil {
				return usageError{fmt.Errorf("--to: %w", err)}
			}
			return runMember(c, client)
		},
	}
	c.Flags().StringVar(&to, "to", "", "where to")
	c.Flags().IntVar(&client.Connections, "connections", 0, "how many to keep open")
	c.Flags().StringVar((*string)(&client.Manner), "manner", string(crowd.Mixed), "eager, slow, mixed or half")
	return c
}

func newCrowdPaceCommand(name string) *cobra.Command {
	var to string
	var perSecond int
	c := &cobra.Command{
		Use: name, Short: "New connections or handshakes, at a pace", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			addr, err := netip.ParseAddrPort(to)
			if err != nil {
				return usageError{fmt.Errorf("--to: %w", err)}
			}
			if name == "storm" {
				return runMember(c, crowd.Storm{To: addr, PerSecond: perSecond})
			}
			return runMember(c, crowd.Greeter{To: addr, PerSecond: perSecond})
		},
	}
	c.Flags().StringVar(&to, "to", "", "where to")
	c.Flags().IntVar(&perSecond, "per-second", 0, "how many")
	return c
}

// runMember ends with a line that says what came of it: the lab passes it on.
func runMember(c *cobra.Command, m member) error {
	if err := m.Validate(); err != nil {
		return usageError{err}
	}
	var tally crowd.Tally
	if err := m.Run(c.Context(), &tally); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), &tally)
	return err
}

func newCrowdSinkCommand() *cobra.Command {
	var s crowd.Sink
	var address string
	c := &cobra.Command{
		Use: "sink", Short: "Be the other end", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var listen net.ListenConfig
			l, err := listen.Listen(c.Context(), "tcp", address)
			if err != nil {
				return err
			}
			return s.Run(c.Context(), l)
		},
	}
	c.Flags().StringVar(&address, "listen", "", "where to listen")
	c.Flags().Int64Var(&s.Each, "each", 0, "bytes that every connection is sent; 0: as many as are taken")
	c.Flags().Int64Var(&s.Pace, "pace", 0, "bytes per second that every connection is sent at most; 0: as many as are taken")
	return c
}
