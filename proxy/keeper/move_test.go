package keeper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func (n *node) move(t *testing.T, uid string, to Isolation) Moved {
	t.Helper()
	var m Moved
	if err := n.call(t, "POST", "/move", map[string]any{"uid": uid, "isolation": to}, &m); err != nil {
		t.Errorf("move %s to %s: %v", uid, to, err)
	}
	return m
}

// hammer makes new connections one after another until the returned function is
// called, which fails the test if one of them failed.
func (n *node) hammer(t *testing.T) (stop func()) {
	end := make(chan struct{})
	var errs []error
	count := 0
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			count++
			if err := n.roundTrip(); err != nil {
				errs = append(errs, err)
			}
		}
	})
	return func() {
		close(end)
		running.Wait()
		if len(errs) > 0 || count == 0 {
			t.Errorf("%d of %d connections failed, first: %v", len(errs), count, errors.Join(errs[:min(len(errs), 1)]...))
		}
	}
}

// I1, I2, I7: a move refuses no connection, and nothing of it is in plaintext.
func TestAMoveRefusesNothing(t *testing.T) { eachTransport(t, "isolation: shared", moves) }

func moves(t *testing.T, n *node) {
	wire := sandbox.NewSniffer(t, n.B)
	n.hold(t).Close()
	stop := n.hammer(t)
	for _, to := range []Isolation{PerWorkload, ServiceAccount, Namespace, Shared, PerWorkload, Shared} {
		for _, uid := range []string{"a/server", "a/client"} {
			m := n.move(t, uid, to)
			if c := n.cellOf(t, uid); c.Name != m.To || isolationOf(m.To) != to || m.Waited != 0 {
				t.Errorf("moved %+v, served by %+v", m, c)
			}
		}
	}
	stop()
	n.meet(t)
	n.hold(t)
	if wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext on the wire")
	}
}

// A cell that a workload left for one of its own is retired: its process held the
// key. The cell of nobody concerned stays.
func TestAMoveRetiresTheOldCell(t *testing.T) {
	n := startNode(t, "isolation: shared\n")
	n.echo(t)
	before := n.cellOf(t, "a/client")
	stop := n.hammer(t)
	n.move(t, "a/server", PerWorkload)
	eventually(t, "the shared cell's old process ends", func() error {
		if err := syscall.Kill(before.PID, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("pid %d: %v", before.PID, err)
		}
		return nil
	})
	own := n.cellOf(t, "a/server")
	if now := n.cellOf(t, "a/client"); now.Generation != before.Generation+1 || now.Name != "shared" {
		t.Errorf("before %+v, now %+v", before, now)
	}
	n.move(t, "a/server", PerWorkload) // again: nothing happens
	n.move(t, "a/client", PerWorkload)
	stop()
	if now := n.cellOf(t, "a/server"); now.PID != own.PID {
		t.Errorf("a neighbour's move replaced %+v by %+v", own, now)
	}
}

// I5: the next keeper knows what was moved, and moves on.
func TestAMoveSurvivesTheKeeper(t *testing.T) {
	n := startNode(t, "isolation: shared\n")
	n.echo(t)
	n.move(t, "a/server", PerWorkload)
	own := n.cellOf(t, "a/server")
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if now := n.cellOf(t, "a/server"); now.PID != own.PID {
		t.Errorf("cell %+v, now %+v", own, now)
	}
	n.move(t, "a/server", "") // as the configuration says
	if c := n.cellOf(t, "a/server"); c.Name != "shared" {
		t.Errorf("served by %+v", c)
	}
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
}

// A change of the node's file moves workloads; what cannot change is said.
func TestTheNodeFileRegroups(t *testing.T) {
	n := startNode(t, "isolation: shared\n")
	n.echo(t)
	file, err := os.ReadFile(filepath.Join(n.dir, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	stop := n.hammer(t)
	const overrides = "overrides: {workloads: {a/server: workload}}\n"
	n.write(t, "node.yaml", string(file)+overrides)
	eventually(t, "the server has its own cell", func() error {
		if c := n.cellOf(t, "a/server"); c.Name != "workload/a/server" || !slices.Equal(c.Workloads, []string{"a/server"}) {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	stop()
	const refused = "restart it for the rest"
	if strings.Contains(n.stderr.String(), refused) {
		t.Error("what did not change is said to want another keeper")
	}
	n.write(t, "node.yaml", strings.Replace(string(file), "drain: 1s", "drain: 2s", 1)+overrides)
	eventually(t, "the rest is refused", func() error {
		if !strings.Contains(n.stderr.String(), refused) {
			return errors.New("no such line")
		}
		return nil
	})
}
