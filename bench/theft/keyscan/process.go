package keyscan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Found is one issued key that a process holds.
type Found struct {
	Key   int            `json:"key"`   // position among those of NewKeys
	Forms map[string]int `json:"forms"` // windows that held it, by their form
}

// Stats say how much a scan looked at.
type Stats struct {
	Bytes  int64         `json:"bytes"`  // of memory read
	Tested int           `json:"tested"` // scalars whose public key was computed
	Took   time.Duration `json:"took"`
}

// InProcess scans the memory of a process. Keys come in the order in which they are
// found first.
func (k *Keys) InProcess(ctx context.Context, pid int) ([]Found, Stats, error) {
	began := time.Now()
	var found []Found
	s := k.newScanner(func(key int, form string) { found = note(found, key, form) })
	var read int64
	err := eachRun(ctx, pid, func(run []byte) {
		read += int64(len(run))
		s.scan(run)
	})
	if err != nil {
		err = fmt.Errorf("memory of process %d: %w", pid, err)
	}
	return found, Stats{Bytes: read, Tested: s.tested, Took: time.Since(began)}, err
}

func note(found []Found, key int, form string) []Found {
	for i := range found {
		if found[i].Key == key {
			found[i].Forms[form]++
			return found
		}
	}
	return append(found, Found{Key: key, Forms: map[string]int{form: 1}})
}

// eachRun reads the touched memory of a process in runs of neighbouring pages.
func eachRun(ctx context.Context, pid int, take func([]byte)) error {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return err
	}
	maps, err := proc.ProcMaps()
	if err != nil {
		return err
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	defer memory.Close()
	pages, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		return err
	}
	defer pages.Close()
	r := &reader{memory: memory, pages: pages, page: uint64(os.Getpagesize()), take: take}
	for _, m := range maps {
		if isKernels(m.Pathname) {
			continue
		}
		if err := r.mapping(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// isKernels: mappings that the kernel makes for every process alike, and that cannot be
// read from outside.
func isKernels(name string) bool {
	switch name {
	case "[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]":
		return true
	}
	return false
}

// Bits of an entry of /proc/PID/pagemap.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61 // or shared
)

const (
	pagesAtOnce = 8192    // entries of pagemap
	largestRun  = 1 << 20 // bytes
	again       = (overlap + align - 1) / align * align
)

type reader struct {
	memory, pages *os.File
	page          uint64
	take          func([]byte)
}

// mapping reads what was touched of one mapping. Pages that come from a file and that
// nobody can write still are what the file holds.
func (r *reader) mapping(ctx context.Context, m *procfs.ProcMap) error {
	entries := make([]byte, 8*pagesAtOnce)
	var from, to uint64 // the run so far
	for at := uint64(m.StartAddr); at < uint64(m.EndAddr); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(pagesAtOnce, (uint64(m.EndAddr)-at)/r.page)
		if _, err := r.pages.ReadAt(entries[:8*n], int64(at/r.page*8)); err != nil {
			return fmt.Errorf("pagemap: %w", err)
		}
		for i := range n {
			entry := binary.NativeEndian.Uint64(entries[8*i:])
			touched := entry&(pagePresent|pageSwapped) != 0 && (m.Perms.Write || entry&pageOfFile == 0)
			switch here := at + i*r.page; {
			case touched && from == to:
				from, to = here, here+r.page
			case touched:
				to = here + r.page
			case from != to:
				if err := r.run(from, to); err != nil {
					return err
				}
				from, to = 0, 0
			}
		}
		at += n * r.page
	}
	return r.run(from, to)
}

// run reads neighbouring pages in pieces that overlap. What is unmapped meanwhile is
// gone, with what it held.
func (r *reader) run(from, to uint64) error {
	for from < to {
		piece := make([]byte, min(largestRun, to-from))
		n, err := r.memory.ReadAt(piece, int64(from))
		r.take(piece[:n])
		switch {
		case errors.Is(err, unix.EIO) || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case from+uint64(n) >= to:
			return nil
		}
		from += uint64(n - again) // a whole piece: it is longer than that
	}
	return nil
}
