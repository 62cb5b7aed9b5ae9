package lab

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pinLooks bounds how often the threads of a process are looked for: one that starts
// another while it is being pinned has two CPUs in the other's inheritance.
const pinLooks = 10

// Pin has every process of the data plane on a node, with all threads, run on one CPU.
// What they start later inherits it.
func (l *Lab) Pin(node string, cpu int) error {
	d := l.dataPlane()
	if d == nil {
		return nil
	}
	tree, err := readTree()
	if err != nil {
		return at("pin", node, err)
	}
	for _, c := range d.containers {
		if c.node == node {
			err = errors.Join(err, pin(tree.below(c.pid()), cpu))
		}
	}
	return at("pin", node, err)
}

func pin(all []branch, cpu int) error {
	for _, b := range all {
		if err := pinProcess(b.stat.PID, cpu); err != nil {
			return err
		}
	}
	return nil
}

// pinProcess pins threads until there is none that it has not pinned.
func pinProcess(pid, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	pinned := make(map[int]bool)
	for range pinLooks {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		before := len(pinned)
		for _, t := range threads {
			tid, err := strconv.Atoi(t.Name())
			if err != nil || pinned[tid] {
				continue
			}
			if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("process %d on CPU %d: %w", pid, cpu, err)
			}
			pinned[tid] = true
		}
		if len(pinned) == before {
			return nil
		}
	}
	return fmt.Errorf("process %d starts threads faster than they can be pinned", pid)
}

// Spent is the CPU time that the data plane on a node has used: that of its cells by the
// account of their cgroups, that of anchor and keeper, which have none of their own, by
// their clocks.
func (l *Lab) Spent(node string) (time.Duration, error) {
	d := l.dataPlane()
	if d == nil {
		return 0, nil
	}
	tree, err := readTree()
	if err != nil {
		return 0, at("usage", node, err)
	}
	var all time.Duration
	counted := make(map[string]bool)
	for _, c := range d.containers {
		if c.node != node {
			continue
		}
		for _, b := range tree.below(c.pid()) {
			g, err := l.groups.holding(b.stat.PID, "cpuacct")
			if err != nil || g == nil {
				all += cpuOf(b.stat.PID)
				continue
			}
			if name := g.Dirs()[0]; !counted[name] {
				counted[name] = true
				used, err := g.CPU()
				if err != nil {
					return 0, at("usage", node, err)
				}
				all += used
			}
		}
	}
	return all, nil
}
