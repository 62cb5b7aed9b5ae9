package anchor

import (
	"log/slog"
	"os"
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

	// Restart of a keeper that died.
	RestartMin   time.Duration // first delay; 0: 100 ms
	RestartMax   time.Duration // the delay doubles up to this; 0: 5 s
	RestartReset time.Duration // a keeper that lived this long starts over; 0: 30 s

	MaxHeld      int // descriptors; 0: 16384
	MaxProcesses int // running, or ended and not yet reported; 0: 4096
}

