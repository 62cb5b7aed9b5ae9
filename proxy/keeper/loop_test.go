package keeper

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// poison has every process that serves a workload exit, wherever the workload moves.
func (n *node) poison(t *testing.T, uid string) {
	t.Helper()
	if err := n.call(t, "POST", "/faults", order(uid, "exit", int64(5*time.Minute)), nil); err != nil {
		t.Fatal(err)
	}
}

// looping waits until the cell of a workload is shown as crash-looping, after that
// many deaths in a row.
func (n *node) looping(t *testing.T, uid string, deaths int) (c CellStatus) {
	t.Helper()
	eventually(t, fmt.Sprintf("the cell of %s has died %d times in a row", uid, deaths), func() error {
		for _, c = range n.cells(t) {
			if slices.Contains(c.Workloads, uid) && c.State == "crash-looping" && c.Looping && c.InARow >= deaths {
				return nil
			}
		}
		return fmt.Errorf("%+v", n.cells(t))
	})
	return c
}

// outside talks to the server as somebody does who is in no mesh.
func (n *node) outside() error {
	c, err := n.outsideTo(netip.AddrPortFrom(n.B4, 8080))
	if err != nil {
		return err
	}
	defer c.Close()
	return say(c, "in plaintext")
}

// outsideTo dials from the client's pod without being captured there.
func (n *node) outsideTo(to netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := n.A.Dial(ctx, netns.DialOptions{Remote: to, Mark: redirect.MarkProxy})
	if err == nil {
		err = c.SetDeadline(time.Now().Add(patience))
	}
	return c, err
}

// A cell in a loop is marked, and who is moved out of it is served at once and stays
// so, while the loop goes on without it.
func TestTheInnocentLeaveACrashLoop(t *testing.T) {
	n := startNode(t, "isolation: shared\n", "--allow-faults")
	n.echo(t)
	n.poison(t, "a/client")
	n.looping(t, "a/server", loopDeaths)
	if !strings.Contains(n.stderr.String(), "bulkhead move WORKLOAD --to workload") {
		t.Error("no line says what to do")
	}
	if err := n.counts(`bulkhead_cell_crash_looping{cell="shared"} 1`); err != nil {
		t.Error(err)
	}
	m := n.move(t, "a/server", PerWorkload)
	if m.From != "shared" || m.To != "workload/a/server" {
		t.Errorf("moved %+v", m)
	}
	own := n.cellOf(t, "a/server")
	if err := n.outside(); err != nil {
		t.Errorf("the innocent workload: %v", err)
	}
	loop := n.looping(t, "a/client", n.looping(t, "a/client", loopDeaths).InARow+1)
	if slices.Contains(loop.Workloads, "a/server") {
		t.Errorf("still in the loop: %+v", loop)
	}
	if now := n.cellOf(t, "a/server"); now.PID != own.PID || now.Restarts != 0 || now.Looping {
		t.Errorf("the loop reached %+v, was %+v", now, own)
	}
	var pods []PodStatus
	if err := n.call(t, "GET", "/pods", nil, &pods); err != nil {
		t.Fatal(err)
	}
	for _, p := range pods {
		if want := map[string]string{"a/client": "shared", "a/server": "workload/a/server"}[p.UID]; p.Cell != want {
			t.Errorf("%+v, want cell %s", p, want)
		}
	}
}

// The poisoned one can be moved as well: the poison goes with it.
func TestThePoisonedLeavesACrashLoop(t *testing.T) {
	n := startNode(t, "isolation: shared\n", "--allow-faults")
	n.echo(t)
	n.poison(t, "a/client")
	n.looping(t, "a/client", loopDeaths)
	ctx, cancel := context.WithCancel(t.Context())
	moved := make(chan struct{})
	go func() { // it never serves, so it would be moved back after a while
		defer close(moved)
		_ = n.callIn(ctx, "POST", "/move", `{"uid":"a/client","isolation":"workload"}`)
	}()
	eventually(t, "the neighbour is served", func() error {
		for _, c := range n.cells(t) {
			if c.Name == "shared" && c.State == "up" && !slices.Contains(c.Workloads, "a/client") {
				return nil
			}
		}
		return fmt.Errorf("%+v", n.cells(t))
	})
	if err := n.outside(); err != nil {
		t.Error(err)
	}
	if loop := n.looping(t, "a/client", 2); loop.Name != "workload/a/client" {
		t.Errorf("the poison stayed: %+v", loop)
	}
	cancel()
	<-moved
}

// I5: the next keeper goes on with a loop where the last one was.
func TestALoopOutlivesTheKeeper(t *testing.T) {
	n := startNode(t, "isolation: workload\n", "--allow-faults")
	n.echo(t)
	n.poison(t, "a/server")
	before := n.looping(t, "a/server", 5) // the next start is 1.6 s away, or more
	healthy := n.cellOf(t, "a/client")
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	after := n.looping(t, "a/server", before.InARow)
	if after.Restarts < before.Restarts || after.Delay < before.Delay || after.Generation < before.Generation {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if now := n.cellOf(t, "a/client"); now.PID != healthy.PID || now.Restarts != 0 {
		t.Errorf("the other cell was %+v, is %+v", healthy, now)
	}
	// The fault died with the keeper that had the order; its end is in sight.
	if now := n.cellOf(t, "a/server"); now.Restarts != after.Restarts || !now.Looping {
		t.Errorf("recovered as %+v, was %+v", now, after)
	}
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
}

// A death while there is no keeper counts too.
func TestADeathWithoutAKeeperCounts(t *testing.T) {
	bin := ownExecutables(t)
	n := startNodeFrom(t, bin, "isolation: workload")
	n.echo(t)
	before := n.cellOf(t, "a/server")
	n.withoutKeeper(t, bin, func() {
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	})
	if now := n.cellOf(t, "a/server"); now.Restarts != 1 || now.PID == before.PID {
		t.Errorf("before %+v, now %+v", before, now)
	}
}

// An OOM kill stays counted although its cell is in back-off when the keeper dies.
func TestOOMKillsOutliveTheKeeper(t *testing.T) {
	n, _, _ := walled(t, "isolation: workload\n", "--allow-faults")
	if err := n.call(t, "POST", "/faults", order("a/server", "leak-memory", 500_000_000), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the kill is counted", func() error {
		if c := n.cellOf(t, "a/server"); c.OOMKills != 1 {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	n.poison(t, "a/server")
	n.looping(t, "a/server", 6) // the next start is 3 s away
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if c := n.looping(t, "a/server", 6); c.OOMKills != 1 {
		t.Errorf("after the keeper: %+v", c)
	}
}
