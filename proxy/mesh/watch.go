package mesh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
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

// Watch loads path and calls use with every version of it that parses, and with what
// is different in it, until ctx ends. A version that does not parse is logged and
// changes nothing: what was known stays known. A file that does not exist yet is
// waited for.
func Watch(ctx context.Context, path string, log *slog.Logger, use func(*Snapshot, Effect)) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	busy := 0
	var last fs.FileInfo
	var known *Snapshot
	for version := uint64(1); ; {
		if fi, err := os.Stat(path); err == nil && changed(last, fi) {
			last, busy = fi, busyLooks
			tick.Reset(busyInterval)
			s, effect, err := known.reload(path, version)
			if err != nil {
				log.Error("mesh file not used", "error", err)
			} else {
				if known == nil {
					effect = Everything() // even an empty mesh is news: what is not in it is not in the mesh
				}
				known = s
				version++
				use(s, effect)
			}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Error("mesh file", "error", err)
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
