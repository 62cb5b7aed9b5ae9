package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

// SIGUSR1 begins a rotation of the root, and the old one stays trusted meanwhile.
func TestControlRotatesAtASignal(t *testing.T) {
	id, err := identity.New("cluster.local", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	c, err := control.New(control.Config{
		TrustDomain: "cluster.local", Socket: filepath.Join(t.TempDir(), "s"), Tokens: []bearer.Grant{{Token: "x", Identities: []identity.ID{id}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	old := string(c.CA().Roots()[0])
	stop := rotateOnSignal(t.Context(), c, slog.New(slog.DiscardHandler))
	defer stop()
	if err := unix.Kill(unix.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		roots := c.CA().Roots()
		if len(roots) == 2 && string(roots[0]) == old {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d roots", len(roots))
		}
	}
}
