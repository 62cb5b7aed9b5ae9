package cgroup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	quota := int64(math.Round(cores * period))
	if g.version == 2 {
		return g.set("cpu", "cpu.max", orMax(quota, "max")+" "+strconv.Itoa(period))
	}
	if err := g.set("cpu", "cpu.cfs_period_us", strconv.Itoa(period)); err != nil {
		return err
	}
	return g.set("cpu", "cpu.cfs_quota_us", orMax(quota, "-1"))
}

// CPULimit is what SetCPU set, in cores; 0: no limit.
func (g *Group) CPULimit() (float64, error) {
	if g.version == 2 {
		text, err := g.text("cpu", "cpu.max")
		if err != nil {
			return 0, err
		}
		quota, period, _ := strings.Cut(text, " ")
		return share(quota, period)
	}
	quota, err := g.text("cpu", "cpu.cfs_quota_us")
	if err != nil {
		return 0, err
	}
	period, err := g.text("cpu", "cpu.cfs_period_us")
	if err != nil {
		return 0, err
	}
	return share(quota, period)
}

// share is how many cores a quota of a period is.
func share(quota, period string) (float64, error) {
	if quota == "max" || quota == "-1" {
		return 0, nil
	}
	q, err := strconv.ParseInt(quota, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cgroup: quota %q: %w", quota, err)
	}
	p, err := strconv.ParseInt(period, 10, 64)
	if err != nil || p <= 0 {
		return 0, fmt.Errorf("cgroup: period %q is no time", period)
	}
	return float64(q) / float64(p), nil
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

func (g *Group) text(controller, name string) (string, error) {
	path, err := g.file(controller, name)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cgroup: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func orMax(n int64, unlimited string) string {
	if n <= 0 {
		return unlimited
	}
	return strconv.FormatInt(n, 10)
}
