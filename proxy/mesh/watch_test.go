package mesh

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A bad version of the file changes nothing; the next good one is used.
func TestWatchKeepsWhatItKnows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mesh.yaml")
	got := make(chan *Snapshot)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	w := NewWatched(path, slog.New(slog.DiscardHandler))
	go func() {
		defer close(done)
		w.Run(ctx, func(s *Snapshot, _ Effect) { got <- s })
	}()
	write := func(text string, at time.Time) {
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".new", at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	write(meshFile, now)
	if s := <-got; s.Version() != 1 {
		t.Errorf("first version %d", s.Version())
	}
	write("nonsense: true", now.Add(time.Second))
	for w.Standing().Refused == "" {
		time.Sleep(time.Millisecond) // until it is looked at
	}
	write("trustDomain: cluster.local", now.Add(2*time.Second))
	if s := <-got; s.Version() != 2 || s.workloads.size != 0 {
		t.Errorf("got version %d with %d workloads, want the last file", s.Version(), s.workloads.size)
	}
	if s := w.Standing(); s.Error != "" || s.Refused != "" || s.Since.IsZero() {
		t.Errorf("after a file that is right: %+v", s)
	}
	cancel()
	<-done
}
