package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// A socket that stays is said, one that goes is waited for.
func TestTheEndOfAKeeperIsAwaited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- awaitEnd(t.Context(), path) }()
	l.Close() // removes it
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitEnd(ctx, path); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Error(err)
	}
}
