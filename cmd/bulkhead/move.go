package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// moveTimeout is more than the keeper takes at most.
const moveTimeout = time.Minute

func newMoveCommand() *cobra.Command {
	var at, to string
	c := &cobra.Command{
		Use:   "move WORKLOAD --to ISOLATION",
		Short: "Move a workload to the cell of another isolation, live",
		Long: `Move a workload to the cell of another isolation of its node: shared, namespace, service-account or workload.
New connections go to the new cell at once; open ones drain in the old cell. Moved to share with fewer
others, its old cell is replaced too, because a process cannot be trusted to forget a key.

  bulkhead move tenant-a/web --to workload                          # in the running lab
  bulkhead move tenant-a/web --to workload --admin /run/admin.sock  # at the keeper of a node`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if to == "" {
				return usageError{errors.New("--to is required: shared, namespace, service-account or workload")}
			}
			ctx, cancel := context.WithTimeout(c.Context(), moveTimeout)
			defer cancel()
			socket, err := keeperOf(ctx, at, args[0])
			if err != nil {
				return err
			}
			m, err := askToMove(ctx, socket, args[0], to)
			if err != nil {
				return err
			}
			return m.write(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&to, "to", "", "the isolation: shared, namespace, service-account or workload (required)")
	c.Flags().StringVar(&at, "admin", "", "admin socket of the node's keeper (default: that of the running lab's node)")
	return c
}

// moved is the keeper's answer, as far as people want to know.
type moved struct {
	UID      string `json:"uid"`
	From     string `json:"from"`
	To       string `json:"to"`
	FromPID  int    `json:"fromPID"`
	PID      int    `json:"pid"`
	Waited   string `json:"waited"`
	Draining uint64 `json:"draining"`
}

func (m moved) write(w io.Writer) error {
	if m.From == m.To {
		_, err := fmt.Fprintf(w, "%s is in cell %s (pid %d) already\n", m.UID, m.To, m.PID)
		return err
	}
	_, err := fmt.Fprintf(w, "%s moved from cell %s (pid %d) to %s (pid %d)\nnew connections waited %s; %d open ones drain in the old cell\n",
		m.UID, m.From, m.FromPID, m.To, m.PID, m.Waited, m.Draining)
	return err
}

// keeperOf finds the admin socket of the node that has the workload.
func keeperOf(ctx context.Context, at, uid string) (string, error) {
	if at != "" {
		return at, nil
	}
	dir, err := base()
	if err != nil {
		return "", err
	}
	sockets, err := filepath.Glob(filepath.Join(dir, "*", "admin-*.sock"))
	if err != nil {
		return "", err
	}
	for _, s := range sockets {
		var pods []struct {
			UID string `json:"uid"`
		}
		if admin.New(s).Call(ctx, "GET", "/pods", nil, &pods) != nil {
			continue // a socket that a killed lab left
		}
		for _, p := range pods {
			if p.UID == uid {
				return s, nil
			}
		}
	}
	if len(sockets) == 0 {
		return "", usageError{errors.New("no lab with a node's proxy is running: start one with bulkhead lab up --isolation shared, or name the keeper's socket with --admin")}
	}
	return "", usageError{fmt.Errorf("no node of the running lab has the workload %q: bulkhead lab status lists them", uid)}
}

func askToMove(ctx context.Context, socket, uid, to string) (moved, error) {
	var m moved
	err := admin.New(socket).Call(ctx, "POST", "/move", map[string]string{"uid": uid, "isolation": to}, &m)
	return m, ofKeeper(socket, err)
}

// ofKeeper marks what the caller can mend as misuse: a wrong socket, and what the
// keeper refuses as wrong.
func ofKeeper(socket string, err error) error {
	var refused *admin.RefusedError
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED):
		return usageError{fmt.Errorf("no keeper answers at %s", socket)}
	case errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound):
		return usageError{err}
	}
	return err
}
