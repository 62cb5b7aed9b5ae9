package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// prefix begins the names of run directories and cgroups.
const prefix = "bulkhead-lab-"

// name tells whose a directory or a cgroup is: bulkhead-lab-PID-START-PIDNS of the
// lab's outer process. The start time tells it from a later process with the same
// pid, and the pid namespace from one that this process cannot see: a container may
// share cgroups with the machine, and would take all labs outside of it for dead.
type name struct {
	pid   int
	start uint64
	pidns uint64
}

func (n name) String() string { return fmt.Sprintf("%s%d-%d-%d", prefix, n.pid, n.start, n.pidns) }

// ownName is the name of a lab whose outer process this is.
func ownName() (name, error) {
	start, errStart := startTime(os.Getpid())
	pidns, errNS := ownPIDNS()
	return name{os.Getpid(), start, pidns}, errors.Join(errStart, errNS)
}

func parseName(s string) (name, bool) {
	rest, ours := strings.CutPrefix(s, prefix)
	parts := strings.Split(rest, "-")
	if !ours || len(parts) != 3 {
		return name{}, false
	}
	pid, errPID := strconv.Atoi(parts[0])
	start, errStart := strconv.ParseUint(parts[1], 10, 64)
	pidns, errNS := strconv.ParseUint(parts[2], 10, 64)
	return name{pid, start, pidns}, errPID == nil && errStart == nil && errNS == nil && pid > 0
}

// alive reports whether the outer process that gave this name still runs. What is
// not one of our names, or of a pid namespace that is not this one, is not for us to
// judge and therefore alive.
func alive(s string) bool {
	n, ok := parseName(s)
	pidns, err := ownPIDNS()
	if !ok || err != nil || n.pidns != pidns {
		return true
	}
	now, err := startTime(n.pid)
	return err == nil && now == n.start
}

// ownPIDNS is the inode of this process's pid namespace.
func ownPIDNS() (uint64, error) {
	st, err := os.Stat("/proc/self/ns/pid")
	if err != nil {
		return 0, err
	}
	return st.Sys().(*syscall.Stat_t).Ino, nil
}

// errEnded is of a process that its parent has not waited for yet: it does nothing any
// more, and its parent may never wait.
var errEnded = errors.New("it has ended")

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
	if state := string(fields[0]); state == "Z" || state == "X" {
		return 0, errEnded
	}
	return strconv.ParseUint(string(fields[index]), 10, 64)
}

// Running are the run directories of the labs that run, those of drills among them: what a
// killed one left is none.
func Running(base string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(base, prefix+"*"))
	return slices.DeleteFunc(dirs, func(dir string) bool { return !alive(filepath.Base(dir)) }), err
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
