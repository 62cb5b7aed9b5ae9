package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

const isolations = "shared, namespace, service-account, workload, sidecar or none"

// moveTimeout is more than the keeper takes at most.
const moveTimeout = time.Minute

func newMoveCommand() *cobra.Command {
	var at, to string
	c := &cobra.Command{
		Use:   "move WORKLOAD --to ISOLATION",
		Short: "Move a workload to the cell of another isolation, live",
		Long: `Move a workload to the cell of another isolation of its node (shared, namespace, service-account, workload),
to its own sidecar, or out of the mesh (none). New connections go there at once; open ones drain in the old cell.
Moved to share with fewer others, its old cell is replaced too, because a process cannot be trusted to forget a key.

  bulkhead move tenant-a/web --to workload                          # in the running lab
  bulkhead move tenant-a/web --to workload --admin /run/admin.sock  # at the keeper of a node

The lab starts the sidecar that a workload moves to, and tells the mesh of one that leaves. Elsewhere that is yours:
a keeper refuses to move a workload to a sidecar that does not listen, and a workload that left under none
talks in plaintext and is protected by no policy; peers reach it when the mesh no longer says that it speaks HBONE.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if to == "" {
				return usageError{errors.New("--to is required: " + isolations)}
			}
			ctx, cancel := context.WithTimeout(c.Context(), moveTimeout)
			defer cancel()
			ask := askLabToMove
			if at != "" {
				ask = func(ctx context.Context, pod, to string) (moved, error) { return askToMove(ctx, at, pod, to) }
			}
			m, err := ask(ctx, args[0], to)
			if err != nil {
				return err
			}
			return m.write(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&to, "to", "", "the isolation: "+isolations+" (required)")
	c.Flags().StringVar(&at, "admin", "", "admin socket of the node's keeper (default: the running lab finds it)")
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
		_, err := fmt.Fprintf(w, "%s is served by %s already\n", m.UID, place(m.To, m.PID))
		return err
	}
	_, err := fmt.Fprintf(w, "%s moved from %s to %s\nnew connections waited %s; %d open ones drain in the old cell\n",
		m.UID, place(m.From, m.FromPID), place(m.To, m.PID), m.Waited, m.Draining)
	return err
}

// place says what serves a workload, by the keeper's name for it.
func place(group string, pid int) string {
	switch isolation, _, _ := strings.Cut(group, "/"); isolation {
	case "sidecar":
		return "its sidecar"
	case "none":
		return "nothing (plaintext, no policy)"
	}
	return fmt.Sprintf("cell %s (pid %d)", group, pid)
}

// askLabToMove is for the workloads of the running lab.
func askLabToMove(ctx context.Context, pod, to string) (m moved, err error) {
	dir, err := base()
	if err != nil {
		return m, err
	}
	b, err := lab.NewClient(dir).Move(ctx, pod, to)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

func askToMove(ctx context.Context, socket, uid, to string) (moved, error) {
	var m moved
	err := admin.New(socket).Call(ctx, "POST", "/move", map[string]string{"uid": uid, "isolation": to}, &m)
	return m, ofKeeper(socket, err)
}

// ofKeeper says which keeper an error is of. What the caller can mend is misuse: a wrong socket, and
// what the keeper refuses as wrong.
func ofKeeper(socket string, err error) error {
	var refused *admin.RefusedError
	switch {
	case nobodyAt(err):
		return usageError{fmt.Errorf("no keeper answers at %s", socket)}
	case errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound):
		return usageError{err}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the keeper at %s takes the question and does not answer in time: bulkhead triage says more; with --admin others can be asked without it", socket)
	}
	return err
}
