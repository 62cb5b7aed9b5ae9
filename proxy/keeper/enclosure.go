package keeper

import (
	"errors"
	"net/url"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

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
	w := c.walls.wall
	// What this machine cannot enforce was said when the keeper started.
	if err := c.walls.group.Limit(int64(w.Memory), w.CPU, w.Pids); err != nil {
		k.log.Error("walls not built", "cell", c.group, "error", err)
	}
}

// fit gives a running cell that gained or lost workloads the walls of its size.
func (k *Keeper) fit(c *keptCell) {
	if c.state != cellUp || c.walls.size == max(1, len(c.snapshotPods())) {
		return
	}
	k.build(c)
	w := c.walls.wall
	c.tell(&cell.Message{Limits: &cell.Limits{Memory: w.collectable()}})
	if w.Files == 0 || c.pid() <= 0 {
		return
	}
	n := uint64(w.Files)
	err := unix.Prlimit(c.pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}, nil)
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
