package keeper

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// Conformance 100: while a workload is drained what is open goes on, and what is new fails.
//
// A drain waits, refuses, tells what it cut, survives its keeper, and can be undone; who
// shares the cell notices nothing.
func TestDrain(t *testing.T) { eachTransport(t, "isolation: shared", drains) }

func drains(t *testing.T, n *node) {
	ends, outlives := n.hold(t), n.hold(t)
	done := make(chan []admin.Drained, 1)
	go func() {
		var d []admin.Drained
		if err := n.call(t, "POST", "/drain", admin.Drain{Workloads: []string{"a/server"}, Seconds: 4}, &d); err != nil {
			t.Error(err)
		}
		done <- d
	}()
	eventually(t, "new connections are refused", func() error {
		if err := n.roundTrip(); err != nil {
			return nil
		}
		return errors.New("one is served")
	})
	if err := errors.Join(say(ends, "still"), say(outlives, "still")); err != nil {
		t.Errorf("an open connection during the drain: %v", err)
	}
	ends.Close()
	d := <-done
	if len(d) != 1 || d[0].Workload != "a/server" || d[0].Cut != 1 || d[0].Seconds < 3.5 {
		t.Errorf("%+v", d)
	}
	if err := say(outlives, "gone"); err == nil {
		t.Error("a connection outlived the deadline")
	}
	if _, w := shares(t, n.who(t), "a/server"); !w.Drained {
		t.Errorf("%+v", w)
	}
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if err := n.roundTrip(); err == nil {
		t.Error("the next keeper serves what was drained")
	}
	if err := n.call(t, "POST", "/move", map[string]string{"uid": "a/server", "isolation": "workload"}, nil); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a drained workload is moved: %v", err)
	}
	only(t, n.verify(t))
	if err := n.call(t, "POST", "/drain", admin.Drain{Workloads: []string{"a/server"}, Undo: true}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is served again", n.roundTrip)
	for what, bad := range map[string]admin.Drain{"404": {Workloads: []string{"a/nobody"}}, "400": {Seconds: 4000}} {
		if err := n.call(t, "POST", "/drain", bad, nil); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	n.drainUnderTheNextKeeper(t)
}

// drainUnderTheNextKeeper: what drains is open still, and heeds policies, when the keeper that
// began the drain is gone.
func (n *node) drainUnderTheNextKeeper(t *testing.T) {
	t.Helper()
	n.meet(t)
	open := n.hold(t)
	gone := make(chan error, 1)
	go func() { gone <- n.callIn(t.Context(), "POST", "/drain", `{"workloads":["a/server"],"seconds":25}`) }()
	eventually(t, "new connections are refused", func() error {
		if n.roundTrip() == nil {
			return errors.New("one is served")
		}
		return nil
	})
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-gone
	n.ready(t)
	if err := say(open, "still"); err != nil {
		t.Errorf("an open connection under the next keeper: %v", err)
	}
	began := time.Now()
	n.write(t, "mesh.yaml", n.meshFile()+"policies:\n- {name: nobody, namespace: a, scope: namespace, action: DENY, rules: [{namespaces: [a]}]}\n")
	eventually(t, "what is denied now is cut", func() error {
		if say(open, "still") == nil {
			return errors.New("it is open")
		}
		return nil
	})
	if d := time.Since(began); d > 15*time.Second {
		t.Errorf("it was cut by the end of the drain, after %v", d)
	}
}

// Who waits for a cell that dies before it lets go hears that he is not served.
func TestADrainTurnsAwayWhoWaitsForADeadCell(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 1000}")
	n.echo(t)
	pid := n.cellOf(t, "a/client").PID
	halt(t, pid) // it accepts nobody
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	drained := make(chan error, 1)
	go func() { drained <- n.callIn(t.Context(), "POST", "/drain", `{"workloads":["a/client"],"seconds":20}`) }()
	eventually(t, "it is drained", func() error {
		if _, w := shares(t, n.who(t), "a/client"); !w.Drained {
			return errors.New("not yet")
		}
		return nil
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("who waited reads %v", err)
	}
}

// Conformance 97: a drain ends with its last connection, long before its deadline.
func TestADrainEndsWithItsLastConnection(t *testing.T) {
	eachTransport(t, "isolation: workload", func(t *testing.T, n *node) {
		c := n.hold(t)
		time.AfterFunc(300*time.Millisecond, func() { c.Close() })
		var d []admin.Drained
		if err := n.call(t, "POST", "/drain", admin.Drain{Workloads: []string{"a/server"}, Seconds: 25}, &d); err != nil {
			t.Fatal(err)
		}
		if len(d) != 1 || d[0].Cut != 0 || d[0].Seconds > 20 {
			t.Errorf("%+v", d)
		}
	})
}

// Who gives up waiting for the end of a drain still gets it, once the cell serves again.
func TestAnUndoneDrainNeedsNoCaller(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 1000}\n")
	n.echo(t)
	if err := n.call(t, "POST", "/drain", admin.Drain{Workloads: []string{"a/server"}}, nil); err != nil {
		t.Fatal(err)
	}
	pid := n.cellOf(t, "a/client").PID
	halt(t, pid) // it cannot say that it serves
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := n.callIn(ctx, "POST", "/drain", `{"workloads":["a/server"],"undo":true}`); err == nil {
		t.Error("a cell that is stopped serves")
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is served again", n.roundTrip)
}
