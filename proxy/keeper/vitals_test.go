package keeper

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// vitals asks until they are as wanted.
func (n *node) vitals(t *testing.T, what string, wrong func(vitals.Cell, vitals.Pod) error) {
	t.Helper()
	eventually(t, what, func() error {
		var v vitals.Vitals
		if err := n.call(t, "GET", "/vitals", nil, &v); err != nil {
			return err
		}
		i := slices.IndexFunc(v.Pods, func(p vitals.Pod) bool { return p.UID == "a/client" })
		j := slices.IndexFunc(v.Cells, func(c vitals.Cell) bool { return c.Name == "workload/a/client" })
		if i < 0 || j < 0 {
			return fmt.Errorf("pod %d and cell %d of %+v", i, j, v)
		}
		return wrong(v.Cells[j], v.Pods[i])
	})
}

// What the kernel says of a cell and its pod: at ease, with its rules flushed, standing
// still, and dead of it.
func TestVitals(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.echo(t)
	c, err := n.dial() // one that lasts: its tunnel is there
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n.vitals(t, "a tunnel, descriptors and our doors are there", func(c vitals.Cell, p vitals.Pod) error {
		door := slices.ContainsFunc(p.Doors, func(d vitals.Door) bool { return d.Port == redirect.NodePorts.Outbound && d.Room > 0 })
		switch {
		case !door || !slices.Contains(p.Addresses, n.A4) || p.Problem != "" || p.Rules != "" || p.Recapture != 0:
			return fmt.Errorf("pod %+v", p)
		case len(p.Peers) != 1 || p.Peers[0].Address != n.B4 || p.Peers[0].Tunnels != 1 || p.Peers[0].Stuck != 0:
			return fmt.Errorf("peers %+v", p.Peers)
		case c.PID == 0 || c.Files < 5 || c.FilesMost < c.Files || c.Death != nil || c.Unanswered > 1:
			return fmt.Errorf("cell %+v", c)
		}
		return nil
	})
	n.flush(t)
	n.vitals(t, "that the rules were put back is counted", func(_ vitals.Cell, p vitals.Pod) error {
		if p.Recapture == 0 || p.Rules != "" {
			return fmt.Errorf("pod %+v", p)
		}
		return nil
	})
	pid := n.cellOf(t, "a/client").PID
	halt(t, pid)
	n.vitals(t, "its keeper gives up on it and says why", func(c vitals.Cell, _ vitals.Pod) error {
		if c.Death == nil || c.Death.Killed == "" || c.PID == pid {
			return fmt.Errorf("cell %+v", c)
		}
		if c.Death.OutOfMemory() {
			return errors.New("it says that it was out of memory: " + c.Death.String())
		}
		return nil
	})
	n.succeeded(t, vitals.EndedByOrder, func(pid int) error { return n.call(t, "POST", "/upgrade", nil, nil) })
	n.succeeded(t, "", func(pid int) error { return syscall.Kill(pid, unix.SIGKILL) })
}

// succeeded has a keeper end and waits for the next one, which says how that came.
func (n *node) succeeded(t *testing.T, want string, end func(pid int) error) {
	t.Helper()
	pid := n.who(t).PID
	if err := end(pid); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next keeper", func() error {
		var v vitals.Vitals
		switch err := n.call(t, "GET", "/vitals", nil, &v); {
		case err != nil:
			return err
		case v.PID == pid:
			return errors.New("it is still there")
		case v.Before != want:
			t.Errorf("the keeper before ended %q, want %q", v.Before, want)
		}
		return nil
	})
}
