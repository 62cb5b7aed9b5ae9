package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/keeper"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// status is what `bulkhead-node status` says.
type status struct {
	Enforceable []jail.Power        `json:"enforceable"`
	Congestion  *netns.Allowance    `json:"congestion,omitempty"` // of tunnels; nil: the kernel does not say
	Cells       []keeper.CellStatus `json:"cells,omitempty"`      // with --config
}

func newStatusCommand() *cobra.Command {
	var config string
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "Say what this machine can enforce on cells; with --config, list the running ones",
		Long: `status asks the kernel what can be enforced here by a process like this one: run it as the user that runs the node's proxy.
With --config it also asks that proxy's keeper for its cells and their walls.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			s := status{Enforceable: append(jail.Probe().List(), cgroupPowers()...)}
			if a, err := netns.Peer.Allowance(); err == nil {
				s.Congestion = &a
			}
			if config != "" {
				conf, err := loadConfig(config)
				if err != nil {
					return err
				}
				if s.Cells, err = askCells(c.Context(), conf.Admin); err != nil {
					return err
				}
			}
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			return s.write(c.OutOrStdout(), config != "")
		},
	}
	c.Flags().StringVar(&config, "config", "", "the YAML file of a running node: list its cells too")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// cgroupPowers is one power for each wall.
func cgroupPowers() []jail.Power {
	h, err := cgroup.Detect()
	var powers []jail.Power
	for _, w := range []struct{ name, controller string }{{"memory wall", "memory"}, {"cpu wall", "cpu"}, {"pids wall", "pids"}} {
		p := jail.Power{Name: w.name}
		switch {
		case err != nil:
			p.Missing = err.Error()
		case !slices.Contains(h.Controllers(), w.controller):
			p.Level = fmt.Sprintf("cgroup v%d", h.Version())
			p.Missing = "the " + w.controller + " controller is not handed down to this process's cgroup"
		default:
			p.Level = fmt.Sprintf("cgroup v%d", h.Version())
		}
		powers = append(powers, p)
	}
	return powers
}

const askTimeout = 5 * time.Second

// askCells asks the keeper over its admin socket.
func askCells(ctx context.Context, socket string) ([]keeper.CellStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var cells []keeper.CellStatus
	err := admin.New(socket).Call(ctx, "GET", "/cells", nil, &cells)
	var refused *admin.RefusedError
	switch {
	case errors.As(err, &refused):
		return nil, fmt.Errorf("the keeper says %w", err)
	case err != nil:
		return nil, fmt.Errorf("no keeper answers on %s: is the node's proxy running? %w", socket, err)
	}
	return cells, nil
}

func (s status) write(w io.Writer, cells bool) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "BOUNDARY\tENFORCEABLE\tBY, OR WHY NOT")
	for _, p := range s.Enforceable {
		if p.Missing != "" {
			fmt.Fprintf(t, "%s\tno\t%s\n", p.Name, p.Missing)
			continue
		}
		fmt.Fprintf(t, "%s\tyes\t%s\n", p.Name, p.Level)
	}
	if cells {
		fmt.Fprintln(t, "\nCELL\tSTATE\tWORKLOADS\tMEMORY\tCPU\tPIDS\tFILES\tRESTARTS\tOOM KILLS")
		for _, c := range s.Cells {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\n", c.Name, c.State, strings.Join(c.Workloads, ","), walls(c.Walls), c.Restarts, c.OOMKills)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return errors.Join(s.writeCongestion(w), s.writeFailing(w))
}

// writeCongestion says which algorithm tunnels have, and how they could have the one that
// is better for them.
func (s status) writeCongestion(w io.Writer) (err error) {
	c := s.Congestion
	switch {
	case c == nil:
	case c.Got == c.Wanted:
		_, err = fmt.Fprintf(w, "\nTunnels use the congestion control %s.\n", c.Got)
	default:
		_, err = fmt.Fprintf(w, "\nTunnels that cells dial use the congestion control %s: they may not choose %s here. Allow it: sysctl -w net.ipv4.tcp_allowed_congestion_control=%q\n",
			c.Got, c.Wanted, strings.Join(append(slices.Clone(c.Allowed), c.Wanted), " "))
	}
	return err
}

// writeFailing says it plainly where connections are not carried by the mesh.
func (s status) writeFailing(w io.Writer) error {
	says := map[keeper.FailureAction]string{
		keeper.Closed:      "closed: new connections are refused",
		keeper.Passthrough: "passthrough: new connections are in PLAINTEXT, and those to it meet NO POLICY",
	}
	for _, c := range s.Cells {
		for _, uid := range slices.Sorted(maps.Keys(c.Failing)) {
			if _, err := fmt.Fprintf(w, "\n%s fails %s (onFailure; cell %s is %s)\n", uid, says[c.Failing[uid]], c.Name, c.State); err != nil {
				return err
			}
		}
	}
	return nil
}

func walls(w keeper.Wall) string {
	if w == (keeper.Wall{}) {
		return "-\t-\t-\t-"
	}
	return fmt.Sprintf("%d MiB\t%.2g\t%d\t%d", w.Memory>>20, w.CPU, w.Pids, w.Files)
}
