package vitals

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// Measure fills in what the kernel counts of the cell's processes. group may be nil: then
// nothing but descriptors is known. What cannot be read stays zero.
func (c *Cell) Measure(group *cgroup.Group) {
	c.Files = descriptors(c.PID)
	var limit unix.Rlimit
	if c.PID > 0 && unix.Prlimit(c.PID, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		c.FilesMost = int(min(limit.Cur, 1<<31-1)) // what is in force: a wall that moved may not have reached it
	}
	if group == nil {
		return
	}
	c.CPU, _ = group.CPU()
	c.CPULimit, _ = group.CPULimit()
	c.Throttled, _ = group.Throttled()
	c.Memory, _ = group.Memory()
	c.MemoryMost, _ = group.MemoryLimit()
}

// MeasureSelf fills in what a process knows of itself, whatever shows its cgroup, and also when it
// can open nothing any more.
func (c *Cell) MeasureSelf() {
	if st, err := os.Stat("/proc/self/fd"); err == nil && c.Files == 0 {
		c.Files = int(st.Size())
	}
	var used unix.Rusage
	if c.CPU == 0 && unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		c.CPU = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
}

// descriptors counts those of a process without reading the list of them, which belongs
// to the process alone when that is not dumpable: since Linux 6.2 the size of the directory
// is their number. Before, it is 0, and so are they.
func descriptors(pid int) int {
	if pid <= 0 {
		return 0
	}
	shown, err := shownAs(pid)
	if err != nil {
		return 0
	}
	st, err := os.Stat(fmt.Sprintf("/proc/%d/fd", shown))
	if err != nil {
		return 0
	}
	return int(st.Size())
}

// shownAs is the number under which /proc shows a process: that of the PID namespace that
// /proc was mounted for, which need not be ours. A handle of the process knows it.
func shownAs(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "Pid:"); ok {
			return strconv.Atoi(strings.TrimSpace(n))
		}
	}
	return 0, os.ErrNotExist
}
