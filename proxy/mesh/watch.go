package mesh

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// watchInterval is how often a watched file is looked at. Polling, not inotify:
// a kubelet swaps a symlink two directories up, which inotify on the file misses.
const watchInterval = time.Second

// Watch loads path and calls use with every version of it that parses, until ctx
// ends. A version that does not parse is logged and changes nothing: what was
// known stays known. A file that does not exist yet is waited for.
func Watch(ctx context.Context, path string, log *slog.Logger, use func(*Snapshot)) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var last fs.FileInfo
	for version := uint64(1); ; {
		if fi, err := os.Stat(path); err == nil && changed(last, fi) {
			last = fi
			if s, err := Load(path, version); err != nil {
				log.Error("mesh file not used", "error", err)
			} else {
				version++
				use(s)
			}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Error("mesh file", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func changed(old, new fs.FileInfo) bool {
	return old == nil || !os.SameFile(old, new) || !old.ModTime().Equal(new.ModTime()) || old.Size() != new.Size()
}
