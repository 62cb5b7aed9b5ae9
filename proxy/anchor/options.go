package anchor

import (
	"log/slog"
	"os"
	"syscall"
	"time"
)

// Options are what Run needs. Zero values mean the defaults.
type Options struct {
	KeeperArgv []string // the keeper's command line; the first is its path. Required.
	KeeperEnv  []string // nil: the anchor's own environment
	Stdout     *os.File // of keeper and cells; nil: os.Stdout
	Stderr     *os.File // of keeper and cells; nil: os.Stderr
	Logger     *slog.Logger

	Grace time.Duration // from SIGTERM to SIGKILL at the end; 0: 15 s

	// Restart of a keeper that died: the time from its start to the next one's.
	RestartMin   time.Duration // at first; 0: 100 ms
	RestartMax   time.Duration // it doubles up to this; 0: 2 s, below the 5 s that a cell's question waits
	RestartReset time.Duration // a keeper that lived this long starts over; 0: 30 s

	// MaxHeld bounds the descriptors held; 0: 16384, and never more than this
	// process may open.
	MaxHeld int
	// MaxProcesses bounds those running, or ended and not yet seen; 0: 4096.
	MaxProcesses int
}

// spareDescriptors are those that the anchor needs for itself and for what a packet
// brings.
const spareDescriptors = 64

func (o Options) withDefaults() Options {
	if o.KeeperEnv == nil {
		o.KeeperEnv = os.Environ()
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Grace = orDefault(o.Grace, 15*time.Second)
	o.RestartMin = orDefault(o.RestartMin, 100*time.Millisecond)
	o.RestartMax = max(o.RestartMin, orDefault(o.RestartMax, 2*time.Second))
	o.RestartReset = orDefault(o.RestartReset, 30*time.Second)
	o.MaxProcesses = orDefault(o.MaxProcesses, 4096)
	o.MaxHeld = min(orDefault(o.MaxHeld, 16384), openLimit()-spareDescriptors)
	return o
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// openLimit is how many descriptors this process may open. Without the check a full
// table would show as packets that lost theirs, and cost the keeper its life.
func openLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return 1 << 30
	}
	return int(r.Cur)
}
