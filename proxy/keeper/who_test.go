package keeper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

func (n *node) who(t *testing.T) admin.Node {
	t.Helper()
	var who admin.Node
	if err := n.call(t, "GET", "/who", nil, &who); err != nil {
		t.Fatal(err)
	}
	return who
}

// shares is the cell that a workload is in, and itself.
func shares(t *testing.T, n admin.Node, uid string) (admin.Cell, admin.Workload) {
	t.Helper()
	for _, c := range n.Cells {
		i := slices.IndexFunc(c.Workloads, func(w admin.Workload) bool { return w.UID == uid })
		if i >= 0 {
			return c, c.Workloads[i]
		}
	}
	t.Fatalf("%s is in no cell of %+v", uid, n)
	return admin.Cell{}, admin.Workload{}
}

// Who shares a cell, since when; a move changes that for the one that moved and for
// nobody else, and the next keeper still knows.
func TestWhoSharesACell(t *testing.T) {
	n := startNode(t, "isolation: shared")
	n.echo(t)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	cell, client := shares(t, n.who(t), "a/client")
	if len(cell.Workloads) != 2 || cell.Name != "shared" || cell.Health != admin.Well || cell.PID == 0 {
		t.Errorf("%+v", cell)
	}
	if client.Identity != "spiffe://cluster.local/ns/a/sa/client" || client.Since.IsZero() {
		t.Errorf("%+v", client)
	}
	if err := n.call(t, "POST", "/move", map[string]string{"uid": "a/server", "isolation": "workload"}, nil); err != nil {
		t.Fatal(err)
	}
	before := n.who(t)
	if err := n.call(t, "POST", "/upgrade", nil, nil); err != nil {
		t.Fatal(err)
	}
	var after admin.Node
	eventually(t, "another keeper answers", func() error {
		err := n.call(t, "GET", "/who", nil, &after)
		if err == nil && (after.PID == before.PID || after.Mesh.Version == 0) {
			err = errors.New("not yet")
		}
		return err
	})
	for _, uid := range []string{"a/client", "a/server"} {
		was, then := shares(t, before, uid)
		is, now := shares(t, after, uid)
		if is.Name != was.Name || is.PID != was.PID && uid == "a/server" || now.Since.Sub(then.Since).Abs().Seconds() > 0.1 {
			t.Errorf("%s: before %s %v, after %s %v", uid, was.Name, then.Since, is.Name, now.Since)
		}
	}
	if c, _ := shares(t, after, "a/server"); len(c.Workloads) != 1 || c.Name != "workload/a/server" {
		t.Errorf("%+v", c)
	}
}

// The level changes what keeper and cells log, and a wrong one is refused.
func TestLogLevel(t *testing.T) {
	n := startNode(t, "isolation: shared")
	n.echo(t)
	debugLines := func() int { return strings.Count(n.stderr.String(), `"level":"DEBUG"`) }
	for _, bad := range []string{"", "loud", "INFO+1", "debug "} {
		if err := n.call(t, "POST", fmt.Sprintf("/logging?level=%s", strings.ReplaceAll(bad, " ", "+")), nil, nil); err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := n.call(t, "POST", "/logging?level=debug", nil, nil); err != nil {
		t.Fatal(err)
	}
	if debugLines() > 0 {
		t.Fatal("a line of level debug before anything was asked for")
	}
	// A tunnel that ends badly is worth a line of level debug in a cell.
	eventually(t, "a cell logs at debug", func() error {
		if err := n.roundTrip(); err != nil {
			return err
		}
		for _, uid := range []string{"a/client"} { // the client's end moves, so its tunnels end
			for _, to := range []string{"workload", "shared"} {
				if err := n.call(t, "POST", "/move", map[string]string{"uid": uid, "isolation": to}, nil); err != nil {
					return err
				}
			}
		}
		if debugLines() == 0 {
			return errors.New("none yet")
		}
		return nil
	})
}
