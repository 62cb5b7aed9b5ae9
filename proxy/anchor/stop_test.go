package anchor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func terminate(t *testing.T, a *anchorProcess) {
	t.Helper()
	if err := a.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// The keeper ends at once, so what it leaves is killed at once.
func TestTerminate(t *testing.T) {
	a := startAnchor(t, map[string]any{"Grace": time.Hour})
	k := a.keeper(t)
	cell := k.do(order{Do: "start", Name: "cell", Role: "stubborn cell"}).PID
	terminate(t, a)
	a.wantEnd(t, 0)
	wantGone(t, k.PID)
	wantGone(t, cell)
}

func TestTerminateWithStuckKeeper(t *testing.T) {
	a := startAnchor(t, map[string]any{"Grace": 100 * time.Millisecond})
	k := a.keeper(t)
	k.do(order{Do: "ignore SIGTERM"})
	cell := k.do(order{Do: "start", Name: "cell", Role: "stubborn cell"}).PID
	terminate(t, a)
	a.wantEnd(t, 0)
	wantGone(t, k.PID)
	wantGone(t, cell)
}

// During its grace period the keeper can still end its cells, but not start any.
func TestTerminatingKeeperWorks(t *testing.T) {
	a := startAnchor(t, map[string]any{"Grace": time.Hour})
	k := a.keeper(t)
	k.do(order{Do: "ignore SIGTERM"})
	cell := k.do(order{Do: "start", Name: "cell", Role: "cell"}).PID
	terminate(t, a)
	for k.try(order{Do: "start", Name: "late", Argv: []string{"/bin/true"}}).Refused != errStopping.Error() {
		k.do(order{Do: "event"}) // SIGTERM has not arrived yet
	}
	k.do(order{Do: "signal", Name: "cell", N: int(unix.SIGTERM)})
	if e := k.do(order{Do: "event"}).Event; e.PID != cell || e.Status.Signal() != unix.SIGTERM {
		t.Errorf("event %+v, want SIGTERM of %d", e, cell)
	}
	k.last(order{Do: "exit", N: 0})
	a.wantEnd(t, 0)
}

// Nobody drains the cells between two keepers, so they get the signal themselves.
func TestTerminateWithoutKeeper(t *testing.T) {
	a := startAnchor(t, map[string]any{"RestartMin": time.Hour, "RestartMax": time.Hour, "Grace": 100 * time.Millisecond})
	k := a.keeper(t)
	cells := []int{
		k.do(order{Do: "start", Name: "a", Role: "cell"}).PID,
		k.do(order{Do: "start", Name: "b", Role: "stubborn cell"}).PID,
	}
	k.kill()
	terminate(t, a)
	a.wantEnd(t, 0)
	for _, pid := range cells {
		wantGone(t, pid)
	}
}

func TestQuit(t *testing.T) {
	a := startAnchor(t, map[string]any{"Grace": time.Hour})
	k := a.keeper(t)
	cell := k.do(order{Do: "start", Name: "cell", Role: "cell"}).PID
	k.do(order{Do: "ignore SIGTERM"}) // to hear the answer
	k.do(order{Do: "quit"})
	k.last(order{Do: "exit", N: 0})
	a.wantEnd(t, 0)
	wantGone(t, cell)
}

func TestKeeperRefusesToStart(t *testing.T) {
	a := startAnchor(t, map[string]any{"KeeperEnv": environment("misuse")})
	a.wantEnd(t, ExitMisuse)
}

// Once there are cells, a configuration that has become wrong must not end them.
func TestKeeperRefusesLater(t *testing.T) {
	a := startAnchor(t, nil)
	k := a.keeper(t)
	cell := k.do(order{Do: "start", Name: "cell", Role: "cell"}).PID
	k.last(order{Do: "exit", N: ExitMisuse})
	next := a.keeper(t)
	if next.Processes["cell"].PID != cell {
		t.Errorf("found %+v, want cell", next.Processes)
	}
}

func TestNoKeeper(t *testing.T) {
	a := startAnchor(t, map[string]any{"KeeperArgv": []string{"/absent"}})
	a.wantEnd(t, 1)
}
