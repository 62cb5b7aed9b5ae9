package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRollbackMisuse(t *testing.T) {
	for _, args := range [][]string{
		{"rollback"},
		{"rollback", "n", "--deadline", "0s", "--admin", "/nowhere"},
		{"rollback", "n", "--deadline", "2h", "--admin", "/nowhere"},
		{"rollback", "n", "--admin", "/nowhere"},
	} {
		if code := run(args); code != exitMisuse {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

// A socket that stays is said, one that goes is waited for, and then for who listened there.
func TestTheEndOfAKeeperIsAwaited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if pids := pidsAt(path); !slices.Equal(pids, []int{os.Getpid(), os.Getppid()}) {
		t.Errorf("at the socket: %v", pids)
	}
	process := exec.Command("cat")
	in, err := process.StdinPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(process.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	who := nodeAt(path)
	defer who.close()
	if len(who) != 2 || who.all() {
		t.Errorf("%d processes, and they have ended: %v", len(who), who.all())
	}
	cat := ended{fd}
	defer cat.close()
	over := make(chan error, 1)
	go func() { over <- awaitEnd(t.Context(), path, cat) }()
	l.Close() // removes it
	in.Close()
	if err := <-over; err != nil || !cat.all() {
		t.Error(err)
	}
	if err := process.Wait(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitEnd(ctx, path, nil); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Error(err)
	}
}
