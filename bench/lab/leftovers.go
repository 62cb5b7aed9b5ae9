package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// prefix begins the names of run directories and cgroups.
const prefix = "bulkhead-lab-"

// ownName is the name of a lab whose outer process this is. The start time tells
// it from a later process with the same pid.
func ownName() (string, error) {
	start, err := startTime(os.Getpid())
	return fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), start), err
}

// alive reports whether the outer process that gave this name still runs. What
// does not look like one of our names is nobody's to remove, so it is alive.
func alive(name string) bool {
	pid, start, ok := parseName(name)
	if !ok {
		return true
	}
	now, err := startTime(pid)
	return err == nil && now == start
}

func parseName(name string) (pid int, start uint64, ok bool) {
	p, s, found := strings.Cut(strings.TrimPrefix(name, prefix), "-")
	pid, errPID := strconv.Atoi(p)
	start, errStart := strconv.ParseUint(s, 10, 64)
	ok = found && strings.HasPrefix(name, prefix) && errPID == nil && errStart == nil && pid > 0
	return pid, start, ok
}

// startTime is field 22 of /proc/PID/stat, in clock ticks since boot.
func startTime(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may contain anything, also parentheses and spaces.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const index = 22 - 3 // the first field after the name is number 3
	if len(fields) <= index {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	return strconv.ParseUint(string(fields[index]), 10, 64)
}

// RemoveLeftovers removes run directories and cgroups of labs whose outer process
// has died, which is all that a killed lab can leave. It returns how many it removed.
func RemoveLeftovers(base string) (int, error) {
	dirs, err := filepath.Glob(filepath.Join(base, prefix+"*"))
	if err != nil {
		return 0, err
	}
	removed := 0
	var errs []error
	for _, dir := range dirs {
		if alive(filepath.Base(dir)) {
			continue
		}
		errs = append(errs, os.RemoveAll(dir))
		removed++
	}
	return removed, errors.Join(append(errs, removeCgroups(alive))...)
}

// removeCgroups removes the labs' cgroups for which keep says no.
func removeCgroups(keep func(name string) bool) error {
	h, err := cgroup.Detect()
	if errors.Is(err, cgroup.ErrNotEnforceable) {
		return nil // no cgroups could be made, none can be left
	}
	if err != nil {
		return err
	}
	return h.RemoveStale(prefix, keep)
}
