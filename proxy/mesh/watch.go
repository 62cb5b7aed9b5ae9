package mesh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// How often a file is looked at, or a directory, and how often at every file in it. Polling,
// not inotify: a kubelet swaps a symlink beside the file, which inotify on the file misses.
const (
	lookInterval  = 100 * time.Millisecond
	watchInterval = time.Second
)

// What has just changed may well change again: it is looked at more often for a
// while. All the time that would be work for nothing, on every node.
const (
	busyInterval = 20 * time.Millisecond
	busyLooks    = 100
)

// Watched is the source that is a file, or a directory of files that are one mesh together.
type Watched struct {
	files files // owned by Run
	log   *slog.Logger

	mu       sync.Mutex
	standing Standing
}

// NewWatched is the mesh in a file or a directory.
func NewWatched(path string, log *slog.Logger) *Watched {
	return &Watched{files: files{path: path}, log: log, standing: Standing{Since: time.Now()}}
}

// Serve implements Source: the file has everything.
func (w *Watched) Serve(string) {}

// Knows implements Source.
func (w *Watched) Knows(*Snapshot, string, netip.Addr) bool { return true }

// Standing is whether the file can be read, and whether its newest version is used.
func (w *Watched) Standing() Standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.standing
}

// read notes that the file could be read, and what came of it.
func (w *Watched) read(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.standing.Error != "" {
		w.standing = Standing{Since: time.Now()}
	}
	w.standing.Refused = ""
	if err != nil {
		w.standing.Refused = err.Error()
		w.log.Error("mesh not used", "error", err)
	}
}

// missed notes that it could not.
func (w *Watched) missed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.standing.Error == "" {
		w.standing.Since = time.Now()
	}
	if text := err.Error(); w.standing.Error != text { // once, and not at each look
		w.standing.Error = text
		w.log.Error("mesh not read", "error", err)
	}
}

// found notes that the file is there, as it was.
func (w *Watched) found() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.standing.Error != "" {
		w.standing.Error, w.standing.Since = "", time.Now()
	}
}

// Run implements Source: it calls use with every version of the mesh that can be used, and
// with what is different in it, until ctx ends. A version that cannot is logged and
// changes nothing: what was known stays known. What does not exist yet is waited for.
func (w *Watched) Run(ctx context.Context, use func(*Snapshot, Effect)) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	busy, awaited := 0, false
	var known *Snapshot
	for {
		news, err := w.files.look(time.Now())
		switch {
		case err == nil && news:
			busy = busyLooks
			tick.Reset(busyInterval)
			known = w.next(known, use)
		case err == nil:
			w.found()
		case len(w.files.known) > 0 || !errors.Is(err, fs.ErrNotExist): // what was never there is waited for
			w.missed(err)
		case !awaited:
			awaited = true
			w.log.Info("mesh waited for", "error", err)
		}
		if busy--; busy == 0 {
			tick.Reset(lookInterval)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// next is the snapshot after what the files say now, or the one before where that cannot be used.
func (w *Watched) next(known *Snapshot, use func(*Snapshot, Effect)) *Snapshot {
	version := uint64(1)
	if known != nil {
		version += known.version
	}
	all, err := w.files.said()
	var s *Snapshot
	var effect Effect
	if err == nil {
		if s, effect, err = known.become(all, version); err != nil {
			err = fmt.Errorf("mesh %s: %w", w.files.path, err)
		}
	}
	w.read(err)
	if err != nil {
		return known
	}
	if known == nil {
		effect = Everything() // even an empty mesh is news: what is not in it is not in the mesh
	}
	use(s, effect)
	return s
}
