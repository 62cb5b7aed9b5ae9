package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// upgradeTimeout is for the next keeper to be there; the usual time is under a second.
const upgradeTimeout = 30 * time.Second

// newUpgradeCommand is `bulkhead-node upgrade`.
func newUpgradeCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use: "upgrade --admin SOCKET", Short: "Start the keeper anew from its path; cells run on", Args: usageArgs(cobra.NoArgs),
		Long: `Replace the file bulkhead-node (and bulkhead-cell beside it) first, then call this: the running keeper ends without its
cells, and the anchor starts what is at its path now. Cells stay the old ones until they are
started anew, by bulkhead-node replace for example; the anchor stays the old one until the node's proxy is restarted.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if socket == "" {
				return usageError{errors.New("--admin SOCKET is required: it is the node file's admin")}
			}
			ctx, cancel := context.WithTimeout(c.Context(), upgradeTimeout)
			defer cancel()
			return upgrade(ctx, admin.New(socket), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&socket, "admin", "", "the keeper's admin socket (required)")
	return c
}

// keeperReply says which keeper answers.
type keeperReply struct {
	PID int `json:"pid"`
}

// upgrade has one keeper go and waits until another one is ready.
func upgrade(ctx context.Context, a *admin.Client, out io.Writer) error {
	var old, now keeperReply
	if err := a.Call(ctx, "POST", "/upgrade", nil, &old); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	err := poll(ctx, func() error {
		if err := a.Call(ctx, "GET", "/ready", nil, &now); err != nil {
			return err
		}
		if now.PID == old.PID {
			return errors.New("the old keeper still answers")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("upgrade: keeper %d ended, and no other is ready (cells run on; put a working executable at its path): %w", old.PID, err)
	}
	_, err = fmt.Fprintf(out, "keeper %d has handed over to keeper %d\n", old.PID, now.PID)
	return err
}
