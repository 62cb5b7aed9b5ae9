package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// period is over what CPU time is counted, in µs; the kernel's default.
const period = 100_000

// Limit sets memory, CPU and pids as far as this machine can enforce them: a limit
// that it cannot is no error.
func (g *Group) Limit(memory int64, cores float64, pids int) error {
	var errs []error
	for _, err := range []error{g.SetMemory(memory), g.SetCPU(cores), g.SetPids(pids)} {
		if err != nil && !errors.Is(err, ErrNotEnforceable) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// SetMemory limits memory, and memory with swap, in bytes; 0 lifts the limit.
func (g *Group) SetMemory(bytes int64) error {
	if g.version == 2 {
		if err := g.set("memory", "memory.max", orMax(bytes, "max")); err != nil {
			return err
		}
		return g.setIfThere("memory", "memory.swap.max", map[bool]string{true: "0", false: "max"}[bytes > 0])
	}
	// Memory with swap must never be the smaller limit, so it goes out of the way.
	if err := g.setIfThere("memory", "memory.memsw.limit_in_bytes", "-1"); err != nil {
		return err
	}
	if err := g.set("memory", "memory.limit_in_bytes", orMax(bytes, "-1")); err != nil {
		return err
	}
	return g.setIfThere("memory", "memory.memsw.limit_in_bytes", orMax(bytes, "-1"))
}

// SetCPU limits CPU time to that many cores, as in 0.5; 0 lifts the limit.
func (g *Group) SetCPU(cores float64) error {
	quota := int64(cores * period)
	if g.version == 2 {
		return g.set("cpu", "cpu.max", orMax(quota, "max")+" "+strconv.Itoa(period))
	}
	if err := g.set("cpu", "cpu.cfs_period_us", strconv.Itoa(period)); err != nil {
		return err
	}
	return g.set("cpu", "cpu.cfs_quota_us", orMax(quota, "-1"))
}

// SetPids limits the number of threads of all processes; 0 lifts the limit.
func (g *Group) SetPids(n int) error {
	return g.set("pids", "pids.max", orMax(int64(n), "max"))
}

func (g *Group) set(controller, name, value string) error {
	path, err := g.file(controller, name)
	if err != nil {
		return err
	}
	if err := write(path, value); err != nil {
		return fmt.Errorf("cgroup: set %s to %s: %w", filepath.Base(path), value, err)
	}
	return nil
}

// setIfThere is for files that depend on how the kernel was built.
func (g *Group) setIfThere(controller, name, value string) error {
	path, err := g.file(controller, name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return g.set(controller, name, value)
}

func orMax(n int64, unlimited string) string {
	if n <= 0 {
		return unlimited
	}
	return strconv.FormatInt(n, 10)
}
