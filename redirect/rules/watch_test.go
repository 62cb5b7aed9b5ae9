package rules

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Whoever changes the rules is heard, and nobody when there is nothing to hear.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	watch, err := Watch(w.A)
	w.must(err)
	defer watch.Close()
	next := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		return watch.Next(ctx)
	}
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"install", func() { w.install(node) }},
		{"move", func() { w.install(sidecar) }},
		{"flush", func() { w.edit(func(k *kernel) { k.nft.FlushRuleset() }) }},
	} {
		c.change()
		if err := next(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	quiet := make(chan error, 1)
	go func() { quiet <- watch.Next(ctx) }()
	select {
	case err := <-quiet:
		t.Fatalf("nothing changed, and Next returned %v", err)
	case <-time.After(50 * time.Millisecond): // that it waits shows only by waiting
	}
	cancel(ended)
	if err := <-quiet; !errors.Is(err, ended) {
		t.Errorf("Next returned %v", err)
	}
}

// Another namespace's changes are not this one's.
func TestWatchIsOfOneNamespace(t *testing.T) {
	w := newWorld(t)
	watch, err := Watch(w.B)
	w.must(err)
	defer watch.Close()
	w.install(node)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := watch.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next returned %v", err)
	}
}

// After a flush captured connections leave the pod in plaintext (see
// TestWithoutKeepAndGuardBytesLeak). Those that are silent until the rules are back
// were never uncaptured: conntrack remembers them.
func TestSilentConnectionsSurviveAFlush(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	legs := w.legs()
	w.edit(func(k *kernel) { k.nft.FlushRuleset() })
	w.install(node)
	for _, l := range legs {
		w.send(l.app, l.proxy, "MARKER-after")
		w.send(l.proxy, l.app, "and back")
	}
	w.secret("MARKER")
}
