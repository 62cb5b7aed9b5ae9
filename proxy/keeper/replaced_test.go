package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run runs a command of the installed executable against the node.
func (n *node) run(t *testing.T, command ...string) string {
	t.Helper()
	c := exec.Command(n.cmd.Path, append(command, "--admin", filepath.Join(n.dir, "admin.sock"))...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v: %s", command, err, out)
	}
	return string(out)
}

// Every cell is replaced and no connection is refused; one that is open goes on in
// the predecessor until the drain ends it.
func TestReplacingEveryCellRefusesNothing(t *testing.T) {
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation)
			n.echo(t)
			c, err := n.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := say(c, "before"); err != nil {
				t.Fatal(err)
			}
			before := n.cells(t)
			stop := n.hammer(t)
			for _, cell := range before {
				var r Replaced
				if err := n.call(t, "POST", "/replace", map[string]string{"cell": cell.Name}, &r); err != nil {
					t.Fatal(err)
				}
				if r.FromPID != cell.PID || r.PID == cell.PID || r.PID == 0 || time.Duration(r.Drain) != time.Second {
					t.Errorf("replaced %+v, was %+v", r, cell)
				}
			}
			out := n.run(t, "replace")
			stop()
			if !strings.Contains(out, fmt.Sprintf("%d cells replaced in ", len(before))) {
				t.Errorf("the command says %q", out)
			}
			for _, cell := range before {
				if now := n.cellOf(t, cell.Workloads[0]); now.Generation != cell.Generation+2 || len(now.Draining) != 0 {
					t.Errorf("before %+v, now %+v", cell, now)
				}
			}
			if err := say(c, "after the drain"); err == nil {
				t.Error("a connection outlived the drain of its process")
			}
		})
	}
}

// callIn is a call that the test may give up, from any goroutine.
func (n *node) callIn(ctx context.Context, method, path, body string) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := n.admin.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// A successor that cannot start changes nothing: the predecessor serves, and says so.
func TestABrokenSuccessorLeavesThePredecessor(t *testing.T) {
	bin := ownExecutables(t)
	n := startNodeFrom(t, bin, "isolation: workload")
	n.echo(t)
	before := n.cellOf(t, "a/server")
	cell := filepath.Join(bin, "bulkhead-cell")
	broken := filepath.Join(bin, "broken")
	if err := errors.Join(os.WriteFile(broken, []byte("#!/bin/false\n"), 0o755), os.Rename(broken, cell)); err != nil {
		t.Fatal(err)
	}
	stop := n.hammer(t)
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan error, 1)
	go func() {
		refused <- n.callIn(ctx, "POST", "/replace", `{"cell":"workload/a/server"}`)
	}()
	eventually(t, "two successors died", func() error {
		if strings.Count(n.stderr.String(), `"cell died"`) < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	cancel()
	if err := <-refused; !errors.Is(err, context.Canceled) {
		t.Errorf("the replacement ended with %v", err)
	}
	stop()
	if err := syscall.Kill(before.PID, 0); err != nil {
		t.Errorf("the predecessor: %v", err)
	}
	bins, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	replaceWithCopy(t, filepath.Join(bins, "bulkhead-cell"), cell) // mended
	if now := n.cellOf(t, "a/server"); now.PID == before.PID {
		t.Errorf("still served by %+v", now)
	}
}

func TestReplaceNamesTheCells(t *testing.T) {
	n := startNode(t, "isolation: workload")
	err := n.call(t, "POST", "/replace", map[string]string{"cell": "shared"}, nil)
	if err == nil || !strings.Contains(err.Error(), "workload/a/client, workload/a/server") {
		t.Errorf("%v; want a sentence that lists the cells", err)
	}
}

// The command of an upgrade returns when another keeper is ready, with the same cells.
func TestTheUpgradeCommand(t *testing.T) {
	n := startNode(t, "isolation: workload")
	n.echo(t)
	cells, old := n.cells(t), n.keeperPID(t)
	stop := n.hammer(t)
	out := n.run(t, "upgrade")
	now := n.keeperPID(t)
	stop()
	if want := fmt.Sprintf("keeper %d has handed over to keeper %d\n", old, now); out != want || now == old {
		t.Errorf("the command says %q, want %q", out, want)
	}
	n.sameCells(t, cells)
	if got := n.cells(t); !slices.EqualFunc(got, cells, func(a, b CellStatus) bool { return a.Name == b.Name }) {
		t.Errorf("cells %+v, were %+v", got, cells)
	}
}

// A predecessor that does not let go is killed after the drain: it would go on
// accepting. It stands still here, and liveness is off.
func TestAPredecessorMustLetGo(t *testing.T) {
	n := startNode(t, "isolation: workload\nliveness: {\"off\": true, interval: 100ms}\n")
	n.echo(t)
	before := n.cellOf(t, "a/server")
	halt(t, before.PID)
	var r Replaced
	if err := n.call(t, "POST", "/replace", map[string]string{"cell": before.Name}, &r); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the predecessor is gone", func() error {
		if now := n.cellOf(t, "a/server"); len(now.Draining) != 0 {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	if err := syscall.Kill(before.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v", before.PID, err)
	}
	if now := n.cellOf(t, "a/server"); now.PID != r.PID || now.Restarts != 0 {
		t.Errorf("replaced %+v, now %+v", r, now)
	}
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
}
