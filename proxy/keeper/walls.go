package keeper

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// Walls are what a cell may use of the machine: Base, plus Workload for every
// workload that it serves. They are limits and not reservations, so their sum may
// exceed the machine. A cell that shares its process is given what its workloads
// would have had alone: an isolation costs or saves nothing by the walls.
type Walls struct {
	Off      bool `json:"off,omitempty"` // for comparison: cells have cgroups without limits
	Base     Wall `json:"base,omitempty"`
	Workload Wall `json:"workload,omitempty"`
}

// Wall is an amount of each thing that has a limit.
type Wall struct {
	Memory Bytes   `json:"memory,omitempty"`
	CPU    float64 `json:"cpu,omitempty"`   // cores
	Pids   int     `json:"pids,omitempty"`  // threads
	Files  int     `json:"files,omitempty"` // descriptors
}

func (w *Walls) complete() {
	set(&w.Base.Memory, 32<<20)
	set(&w.Base.CPU, 0.1)
	set(&w.Base.Pids, 64) // the runtime ends a process that cannot have a thread
	set(&w.Base.Files, 1024)
	set(&w.Workload.Memory, 96<<20)
	set(&w.Workload.CPU, 0.4)
	set(&w.Workload.Pids, 32)
	set(&w.Workload.Files, 8192)
}

func (w Walls) validate() error {
	for name, x := range map[string]Wall{"base": w.Base, "workload": w.Workload} {
		if x.Memory < 0 || x.CPU < 0 || x.Pids < 0 || x.Files < 0 {
			return fmt.Errorf("walls.%s: memory, cpu, pids and files cannot be negative", name)
		}
	}
	if !w.Off && (w.of(1).Memory < minMemory || !(w.of(1).CPU >= minCPU && w.of(1).CPU < maxCPU)) { // also refuses NaN
		return fmt.Errorf("walls: base and workload together must be at least %d MiB and %g cores: a cell needs them to start", minMemory>>20, minCPU)
	}
	return nil
}

const (
	minMemory = 16 << 20
	minCPU    = 0.01 // the kernel's least quota, 1 ms in 100
	maxCPU    = 1 << 20
)

// of is the wall of a cell that serves n workloads; zero without walls.
func (w Walls) of(n int) Wall {
	if w.Off {
		return Wall{}
	}
	n = max(n, 1)
	b, p := w.Base, w.Workload
	return Wall{
		Memory: b.Memory + Bytes(n)*p.Memory, CPU: b.CPU + float64(n)*p.CPU,
		Pids: b.Pids + n*p.Pids, Files: min(b.Files+n*p.Files, mostFiles),
	}
}

// mostFiles is the usual fs.nr_open, above which no limit can be.
const mostFiles = 1 << 20

// collectable is the part of the memory wall at which the cell's runtime begins to
// collect harder: the rest is for what it does not count, socket buffers and pages
// of the executable.
func (w Wall) collectable() int64 { return int64(w.Memory) / 10 * 9 }

// environment is that of a cell's process.
func (w Wall) environment() []string {
	if w.Memory == 0 {
		return os.Environ()
	}
	return append(os.Environ(), "GOMEMLIMIT="+strconv.FormatInt(w.collectable(), 10))
}

// enclosure is the cell's cgroup and what of the walls is in force.
type enclosure struct {
	group    *cgroup.Group // nil: cells run in the keeper's own
	size     int           // workloads that the walls were made for; 0: not yet by this keeper
	wall     Wall
	oomKills int64 // processes of the cell that the kernel killed for want of memory
}

// enclose makes the cell's group and its limits, before its process joins.
func (k *Keeper) enclose(c *keptCell) error {
	if k.cgroups != nil && c.walls.group == nil {
		g, err := k.cgroups.Create(k.cgroupOf(c.group))
		if err != nil {
			return err
		}
		c.walls.group = g
	}
	k.build(c)
	return nil
}

// build sets the limits for the workloads that the cell has now.
func (k *Keeper) build(c *keptCell) {
	c.walls.size = max(1, len(c.snapshotPods()))
	c.walls.wall = k.config.Walls.of(c.walls.size)
	if c.walls.group == nil {
		return
	}
	if err := limit(c.walls.group, c.walls.wall); err != nil {
		k.log.Error("walls not built", "cell", c.group, "error", err)
	}
}

// limit sets everything that can be set. What this machine cannot enforce was said
// when the keeper started.
func limit(g *cgroup.Group, w Wall) error {
	var errs []error
	for _, err := range []error{g.SetMemory(int64(w.Memory)), g.SetCPU(w.CPU), g.SetPids(w.Pids)} {
		if err != nil && !errors.Is(err, cgroup.ErrNotEnforceable) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// fit gives a running cell that gained or lost workloads the walls of its size.
func (k *Keeper) fit(c *keptCell) {
	if c.state != cellUp || c.walls.size == max(1, len(c.snapshotPods())) {
		return
	}
	k.build(c)
	w := c.walls.wall
	c.tell(&cell.Message{Limits: &cell.Limits{Memory: w.collectable()}})
	if w.Files == 0 || c.pid <= 0 {
		return
	}
	n := uint64(w.Files)
	err := unix.Prlimit(c.pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}, nil)
	if err != nil { // EPERM without CAP_SYS_RESOURCE on the machine: it keeps the limit that it started with
		k.log.Debug("descriptor limit not changed", "cell", c.group, "files", n, "error", err)
	}
}

// cgroupOf is the name of a cell's group. Cells have a parent of their own, so that
// everything below it is the keeper's to remove; names are escaped, so that no two
// cells meet in one.
func (k *Keeper) cgroupOf(group string) string { return k.cellsGroup() + "/" + url.PathEscape(group) }

func (k *Keeper) cellsGroup() string { return k.config.Cgroup + "/cells" }

// countOOMKills asks the kernel why the cell ended: a SIGKILL tells nothing.
func (k *Keeper) countOOMKills(c *keptCell) (killed bool) {
	if c.walls.group == nil {
		return false
	}
	n, err := c.walls.group.OOMKills()
	if err != nil {
		return false
	}
	killed = n > c.walls.oomKills
	c.walls.oomKills = n
	return killed
}

// raze removes the group of a cell that has ended for good.
func (k *Keeper) raze(c *keptCell) {
	if c.walls.group == nil {
		return
	}
	if err := c.walls.group.Remove(); err != nil {
		k.log.Warn("cgroup of a cell not removed", "cell", c.group, "error", err)
	}
}

// razeStale removes the groups of cells that nobody runs any more: an earlier
// keeper and its anchor died together.
func (k *Keeper) razeStale() {
	if k.cgroups == nil {
		return
	}
	var used []string
	for group := range k.cells {
		used = append(used, url.PathEscape(group))
	}
	if err := k.removeOthers(used); err != nil {
		k.log.Warn("stale cgroups not removed", "error", err)
	}
}

func (k *Keeper) removeOthers(used []string) error {
	parent, err := k.cgroups.Open(k.cellsGroup())
	if err != nil {
		return err
	}
	names, err := parent.Children()
	errs := []error{err}
	for _, name := range names {
		if slices.Contains(used, name) {
			continue
		}
		g, err := k.cgroups.Open(k.cellsGroup() + "/" + name)
		if err == nil {
			err = errors.Join(g.Kill(), g.Remove())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
