package hog

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is what is taken.
type Kind string

const (
	OfCPU    Kind = "cpu"
	OfMemory Kind = "memory"
)

// CPU burns on every thread that the runtime may have, until ctx is done.
func CPU(ctx context.Context) error {
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for ctx.Err() == nil {
			}
		})
	}
	all.Wait()
	return nil
}

const (
	step      = 10 * time.Millisecond
	perSecond = 400 << 20 // bytes: a limit of half a GiB is reached in little more than a second
)

// Memory fills a file in memory, up to most bytes, and keeps it until ctx is done.
func Memory(ctx context.Context, most int64) error {
	fd, err := unix.MemfdCreate("hog", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("hog: %w", err)
	}
	f := os.NewFile(uintptr(fd), "hog")
	defer f.Close()
	portion := make([]byte, int64(perSecond)*int64(step)/int64(time.Second))
	tick := time.NewTicker(step)
	defer tick.Stop()
	for taken := int64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n, err := f.Write(portion[:min(int64(len(portion)), most-taken)])
		if err != nil {
			return fmt.Errorf("hog: %w", err)
		}
		taken += int64(n)
	}
}
