package keeper

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
)

func order(workload, name string, d int64) map[string]any {
	return map[string]any{"workload": workload, "order": map[string]any{"name": name, "for": d}}
}

// A keeper that was not told so strikes nobody.
func TestFaultsNeedLeave(t *testing.T) {
	n := startNode(t, "isolation: workload")
	err := n.call(t, "POST", "/faults", order("a/client", "exit", 0), nil)
	if err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "--allow-faults") {
		t.Errorf("error %v; want 403 and what to do", err)
	}
}

// An OOM kill is told from other deaths, counted, and stays with its cell.
func TestOOMKillsAreCounted(t *testing.T) {
	n, _, _ := walled(t, "isolation: workload\n", "--allow-faults")
	n.echo(t)
	other := n.cellOf(t, "a/client")
	if err := n.call(t, "POST", "/faults", order("a/server", "leak-memory", 500_000_000), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the kill is counted", func() error {
		if c := n.cellOf(t, "a/server"); c.OOMKills != 1 || c.Restarts != 1 {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
	if now := n.cellOf(t, "a/client"); now.PID != other.PID || now.OOMKills != 0 {
		t.Errorf("the other cell: %+v, before %+v", now, other)
	}
	if !strings.Contains(n.stderr.String(), "out of memory") {
		t.Error("no line says so")
	}
	if err := n.call(t, "POST", "/faults", order("a/nobody", "leak-memory", 0), nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("unknown workload: %v", err)
	}
	if err := n.call(t, "POST", "/faults", order("a/server", "flood", 0), nil); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("unknown fault: %v", err)
	}
}

// A standing order strikes the next process as well, until it is taken back.
func TestCrashLoop(t *testing.T) {
	n := startNode(t, "isolation: workload\n", "--allow-faults")
	if err := n.call(t, "POST", "/faults", order("a/server", "exit", 60_000_000_000), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it dies more than once", func() error {
		for _, c := range n.cells(t) {
			if c.Restarts >= 2 {
				return nil
			}
		}
		return errors.New("no cell died twice")
	})
	if err := n.call(t, "DELETE", "/faults?workload=a/server", nil, nil); err != nil {
		t.Fatal(err)
	}
	n.cellOf(t, "a/server")
}

// The bytes of one workload end the process that serves it, once: its successor, which
// nobody armed, carries them like any others.
func TestPoison(t *testing.T) {
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation+"\n", "--allow-faults")
			n.echo(t)
			before := n.cellOf(t, "a/client")
			if err := n.call(t, "POST", "/faults", order("a/client", "poison", 60_000_000_000), nil); err != nil {
				t.Fatal(err)
			}
			send := func() error {
				c, err := n.dial()
				if err != nil {
					return err
				}
				defer c.Close()
				return say(c, fault.Poison)
			}
			eventually(t, "it dies", func() error {
				if err := send(); err == nil {
					return errors.New("it was answered")
				}
				return nil
			})
			eventually(t, "its successor carries the bytes", send)
			if now := n.cellOf(t, "a/client"); now.PID == before.PID || now.Restarts != 1 {
				t.Errorf("%+v, before %+v", now, before)
			}
		})
	}
}
