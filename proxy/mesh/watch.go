package mesh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"
)

// watchInterval is how often a watched file is looked at. Polling, not inotify:
// a kubelet swaps a symlink two directories up, which inotify on the file misses.
const watchInterval = time.Second

// A file that has just changed may well change again: it is looked at more often for a
// while. All the time that would be work for nothing, on every node.
const (
	busyInterval = 20 * time.Millisecond
	busyLooks    = 100
)

// Watched is the source that is a file.
type Watched struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	standing Standing
}

// NewWatched is the mesh in a file.
func NewWatched(path string, log *slog.Logger) *Watched {
	return &Watched{path: path, log: log, standing: Standing{Since: time.Now()}}
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
		w.log.Error("mesh file not used", "error", err)
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
		w.log.Error("mesh file", "error", err)
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

// Run implements Source: it calls use with every version of the file that parses, and with
// what is different in it, until ctx ends. A version that does not parse is logged and
// changes nothing: what was known stays known. A file that does not exist yet is
// waited for.
func (w *Watched) Run(ctx context.Context, use func(*Snapshot, Effect)) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	busy := 0
	var last fs.FileInfo
	var known *Snapshot
	for version := uint64(1); ; {
		fi, err := os.Stat(w.path)
		switch {
		case err == nil && changed(last, fi):
			last, busy = fi, busyLooks
			tick.Reset(busyInterval)
			s, effect, err := known.reload(w.path, version)
			w.read(err)
			if err == nil {
				if known == nil {
					effect = Everything() // even an empty mesh is news: what is not in it is not in the mesh
				}
				known = s
				version++
				use(s, effect)
			}
		case err == nil:
			w.found()
		case last != nil || !errors.Is(err, fs.ErrNotExist): // what was never there is waited for
			w.missed(err)
		}
		if busy--; busy == 0 {
			tick.Reset(watchInterval)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Snapshot) reload(path string, version uint64) (*Snapshot, Effect, error) {
	f, err := loadFile(path)
	if err != nil {
		return nil, Effect{}, err
	}
	next, effect, err := s.Replace(f, version)
	if err != nil {
		return nil, Effect{}, fmt.Errorf("mesh file %s: %w", path, err)
	}
	return next, effect, nil
}

func changed(old, new fs.FileInfo) bool {
	return old == nil || !os.SameFile(old, new) || !old.ModTime().Equal(new.ModTime()) || old.Size() != new.Size()
}
