package cgroup

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKill(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name + "/a/b")
		if err != nil {
			t.Fatal(err)
		}
		whole, err := h.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		outside := startSleeper(t)
		ended := make(chan error, 2)
		for _, group := range []*Group{g, whole} {
			cmd := startForked(t)
			if err := group.Add(cmd.Process.Pid); err != nil && h.version == 1 {
				t.Fatal(err)
			}
			go func() { ended <- cmd.Wait() }()
		}
		if err := whole.Kill(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-ended; killedBy(err) != unix.SIGKILL {
				t.Errorf("a member ended with %v, want SIGKILL", err)
			}
		}
		if pids, err := whole.Processes(); err != nil || len(pids) > 0 {
			t.Errorf("processes %v, %v after Kill", pids, err)
		}
		if err := outside.Process.Signal(unix.Signal(0)); err != nil {
			t.Errorf("a process outside is gone: %v", err)
		}
		if err := whole.Remove(); err != nil {
			t.Error(err)
		}
	})
}

// startForked starts a process that has a child.
func startForked(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := member("fork")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() }) // ends what Kill has missed
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "forked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return cmd
}

func TestKillRefusesOwnGroup(t *testing.T) {
	dir := t.TempDir()
	fakeV2(t, dir, map[string]string{"cgroup.procs": fmt.Sprintf("0\n%d\n", os.Getpid())})
	for version := 1; version <= 2; version++ {
		g := &Group{version: version, places: []place{{dir: dir}}}
		if err := g.Kill(); err == nil || !strings.Contains(err.Error(), "this process is inside") {
			t.Errorf("version %d: Kill: %v", version, err)
		}
	}
}

// 0 stands for processes that this pid namespace does not see.
func TestProcessesLeavesOutZero(t *testing.T) {
	dir := t.TempDir()
	fakeV2(t, dir, map[string]string{"cgroup.procs": "0\n0\n7\n-1\nx\n"})
	g := &Group{version: 1, places: []place{{dir: dir}}}
	if pids, err := g.Processes(); err != nil || !slices.Equal(pids, []int{7}) {
		t.Errorf("processes %v, %v, want 7 alone", pids, err)
	}
}

func TestRemoveBusy(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		cmd := startSleeper(t)
		if err := g.Add(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if err := g.removeUntil(time.Now()); err == nil || !strings.Contains(err.Error(), fmt.Sprint(cmd.Process.Pid)) {
			t.Errorf("Remove of a busy group: %v, want the process in it", err)
		}
	})
}

func TestRemoveStale(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		stale, alive, other := name+"-stale", name+"-alive", "x"+name
		for _, n := range []string{stale + "/node-1/cell-a", alive + "/node-1", other} {
			if _, err := h.Create(n); err != nil {
				t.Fatal(err)
			}
		}
		cmd := member("sleep")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		leaf, err := h.Open(stale + "/node-1/cell-a")
		if err != nil {
			t.Fatal(err)
		}
		if err := leaf.Add(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if err := h.RemoveStale(name, func(n string) bool { return n == alive }); err != nil {
			t.Error(err)
		}
		if err := <-ended; killedBy(err) != unix.SIGKILL {
			t.Errorf("the process inside ended with %v", err)
		}
		left, err := h.List(name)
		if err != nil || !slices.Equal(left, []string{alive}) {
			t.Errorf("left %v, %v, want %s", left, err, alive)
		}
		if err := h.RemoveStale(name, func(string) bool { return false }); err != nil {
			t.Error(err)
		}
		o, err := h.Open(other)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range o.Dirs() {
			if _, err := os.Stat(dir); err != nil {
				t.Errorf("a group of another name is gone: %v", err)
			}
		}
		if err := o.Remove(); err != nil {
			t.Error(err)
		}
	})
}

func TestPrefixes(t *testing.T) {
	h := &Hierarchy{version: 1}
	for _, prefix := range []string{"", "a", "ab", "abc/d"} {
		if err := h.RemoveStale(prefix, func(string) bool { return false }); err == nil {
			t.Errorf("RemoveStale(%q) did", prefix)
		}
		if _, err := h.List(prefix); err == nil {
			t.Errorf("List(%q) did", prefix)
		}
	}
}
