package anchor

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the anchor is for: the keeper dies, and nothing else does.
func TestKeeperDies(t *testing.T) {
	a := startAnchor(t, nil)
	k := a.keeper(t)
	if len(k.hello.Held)+len(k.hello.Processes) != 0 {
		t.Errorf("the first keeper found %+v", k.hello)
	}
	addr := k.do(order{Do: "listen", Name: "listener", Label: "of pod 1"}).Addr
	cell := k.do(order{Do: "start", Name: "cell", Role: "cell", Label: "of tenant a"}).PID
	k.kill()

	waiting, err := net.Dial("tcp", addr) // nobody accepts now, and nobody refuses
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()

	next := a.keeper(t)
	if next.PID == k.PID {
		t.Error("the keeper was not restarted")
	}
	if label, ok := next.Held["listener"]; !ok || label != "of pod 1" || len(next.Held) != 2 {
		t.Errorf("found held: %q", next.Held)
	}
	p := next.Processes["cell"]
	if p.PID != cell || string(p.Label) != "of tenant a" || len(next.Processes) != 1 {
		t.Errorf("found processes %+v, want cell with pid %d", next.Processes, cell)
	}
	next.do(order{Do: "serve", Name: "listener"})
	waiting.SetDeadline(time.Now().Add(hang))
	if got, err := io.ReadAll(waiting); err != nil || len(got) == 0 {
		t.Errorf("the connection that waited: %q, %v", got, err)
	}
	if got := next.do(order{Do: "ask", Name: "cell"}).Sight; got.Env != "of tenant a" {
		t.Errorf("the cell on its adopted channel says %+v", got)
	}
	wantRunning(t, cell)
}

func TestExitsWithoutKeeper(t *testing.T) {
	a := startAnchor(t, map[string]any{"RestartMin": time.Second, "RestartMax": time.Second})
	k := a.keeper(t)
	killed := k.do(order{Do: "start", Name: "killed", Role: "cell", Label: "x"}).PID
	kept := k.do(order{Do: "start", Name: "kept", Role: "cell"}).PID
	k.kill()
	kill(t, killed)
	wantGone(t, killed)

	// A keeper that dies before it has looked leaves the exit to the next.
	for range 2 {
		next := a.keeper(t)
		if len(next.Processes) != 1 || next.Processes["kept"].PID != kept {
			t.Errorf("found processes %+v, want kept alone", next.Processes)
		}
		next.kill()
	}
	next := a.keeper(t)
	e := next.do(order{Do: "event"}).Event
	if e.Name != "killed" || e.PID != killed || string(e.Label) != "x" || !e.Status.Signaled() || e.Status.Signal() != unix.SIGKILL {
		t.Errorf("event %+v, want SIGKILL of %d", e, killed)
	}
	// Seen: a later keeper is not told again. (The client says so before it hands out
	// the next event, and the anchor hears it before the request that follows.)
	next.do(order{Do: "start", Name: "another", Argv: []string{"/bin/true"}})
	next.do(order{Do: "event"})
	next.do(order{Do: "signal", Name: "kept", N: int(unix.SIGCONT)})
	next.kill()
	last := a.keeper(t)
	pid := last.do(order{Do: "start", Name: "exits", Argv: []string{"/bin/sh", "-c", "exit 3"}}).PID
	e = last.do(order{Do: "event"}).Event
	if e.Name == "another" { // perhaps: its keeper was killed
		e = last.do(order{Do: "event"}).Event
	}
	if e.Name != "exits" || e.PID != pid || e.Status.ExitStatus() != 3 {
		t.Errorf("event %+v, want exit 3 of %d", e, pid)
	}
}

// A keeper that is inside calls, and not at Events, still gets its answers, and all
// events later.
func TestManyExits(t *testing.T) {
	a := startAnchor(t, nil)
	k := a.keeper(t)
	const many = 600
	pids := map[int]bool{}
	for i := range many {
		pids[k.do(order{Do: "start", Name: string(rune('a'+i%26)) + string(rune('0'+i)), Argv: []string{"/bin/true"}}).PID] = true
	}
	k.do(order{Do: "hold", Name: "x", Label: "still here"})
	for range many {
		e := k.do(order{Do: "event"}).Event
		if !pids[e.PID] || e.Status != 0 {
			t.Fatalf("event %+v: unknown, or repeated", e)
		}
		delete(pids, e.PID)
	}
	if got := k.do(order{Do: "fetch", Name: "x"}).Text; got != "still here" {
		t.Errorf("fetched %q", got)
	}
}

// Children have what they were given and nothing else, not even what was leaked to
// the anchor, and Ctrl-C is not for them.
func TestWhatChildrenInherit(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	a := startAnchor(t, nil, r, w, r)
	k := a.keeper(t)
	if want := []int{0, 1, 2, 3}; !slices.Equal(k.Files, want) {
		t.Errorf("the keeper has descriptors %v, want %v", k.Files, want)
	}
	k.do(order{Do: "hold", Name: "not for cells", Label: "x"})
	for _, extra := range []int{0, 3} {
		pid := k.do(order{Do: "start", Name: "cell", Role: "cell", Files: extra}).PID
		got := k.do(order{Do: "ask", Name: "cell"}).Sight
		want := []int{0, 1, 2, 3, 4, 5, 6}[:4+extra]
		if !slices.Equal(got.Files, want) {
			t.Errorf("a cell with %d files has descriptors %v, want %v", 1+extra, got.Files, want)
		}
		if got.Session != pid || got.Stdin != os.DevNull {
			t.Errorf("a cell, pid %d, has session %d and stdin %s", pid, got.Session, got.Stdin)
		}
		k.do(order{Do: "signal", Name: "cell", N: int(unix.SIGKILL)})
		k.do(order{Do: "event"})
	}
}

func TestAnchorIsKilled(t *testing.T) {
	a := startAnchor(t, nil)
	k := a.keeper(t)
	cells := []int{
		k.do(order{Do: "start", Name: "a", Role: "cell"}).PID,
		k.do(order{Do: "start", Name: "b", Role: "stubborn cell"}).PID,
	}
	kill(t, a.Process.Pid)
	wantGone(t, k.PID)
	for _, pid := range cells {
		wantGone(t, pid)
	}
}

// As PID 1 the anchor gets orphans that it never started, and must not leave them
// as zombies.
func TestOrphansAreReaped(t *testing.T) {
	a := startAnchorAs(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, nil)
	k := a.keeper(t)
	k.do(order{Do: "start", Name: "parent", Argv: []string{"/bin/sh", "-c", "sleep 0.01 & sleep 0.02 & exit 5"}})
	if e := k.do(order{Do: "event"}).Event; e.Status.ExitStatus() != 5 {
		t.Errorf("event %+v, want exit 5", e)
	}
	left := children(t, a.Process.Pid)
	for deadline := time.Now().Add(hang); len(left) > 1 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		left = children(t, a.Process.Pid)
	}
	if len(left) != 1 {
		t.Errorf("the anchor has children %v, want the keeper alone", left)
	}
	terminate(t, a)
	a.wantEnd(t, 0)
}

// children lists those of a process, zombies too.
func children(t *testing.T, parent int) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		b, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err == nil && strings.Contains(string(b), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			found = append(found, e.Name())
		}
	}
	return found
}

// The anchor's poller watches nothing that it holds: whoever watches a listener is
// woken by each of its connections.
func TestHeldListenersAreNotWatched(t *testing.T) {
	a := startAnchor(t, nil)
	k := a.keeper(t)
	listener := k.do(order{Do: "listen", Name: "listener"}).Text
	held := false
	for _, fd := range descriptors(t, a.Process.Pid) {
		held = held || target(a.Process.Pid, fd) == listener
	}
	if !held {
		t.Errorf("the anchor does not hold %s", listener)
	}
	watched := watchedBy(t, a.Process.Pid)
	if len(watched) == 0 {
		t.Error("no poller was found, it watches the keeper's socket at least")
	}
	for _, fd := range watched {
		if target(a.Process.Pid, fd) == listener {
			t.Errorf("the anchor's poller watches the listener")
		}
	}
}

func descriptors(t *testing.T, pid int) []string {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var fds []string
	for _, e := range entries {
		fds = append(fds, e.Name())
	}
	return fds
}

func target(pid int, fd string) string {
	s, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd))
	return s
}

// watchedBy are the descriptors in a process's epoll (proc_pid_fdinfo(5)).
func watchedBy(t *testing.T, pid int) []string {
	t.Helper()
	var fds []string
	for _, fd := range descriptors(t, pid) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
		if err != nil {
			continue // closed meanwhile
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "tfd:" {
				fds = append(fds, f[1])
			}
		}
	}
	return fds
}
