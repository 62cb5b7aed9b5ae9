package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotEnforceable says that this process cannot make control groups, or that the
// controller that a call needs is not effective. The error around it says which.
var ErrNotEnforceable = errors.New("not enforceable here")

// wanted are the controllers of this package. Version 2 has no cpuacct: every group
// accounts CPU time there.
var wanted = []string{"memory", "cpu", "cpuacct", "pids"}

// Hierarchy is where groups can be made.
type Hierarchy struct {
	version int
	bases   []base
}

// base is the caller's own cgroup in one mounted hierarchy.
type base struct {
	dir         string
	point       string   // the mount that shows it
	controllers []string // of wanted
}

// Detect finds the caller's own cgroups and whether groups can be made below them.
// Controllers that version 1 has are used there, on machines with both.
func Detect() (*Hierarchy, error) {
	memberships, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w: %w", ErrNotEnforceable, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w: %w", ErrNotEnforceable, err)
	}
	return detect(parseMemberships(string(memberships)), parseMounts(string(mounts)))
}

func detect(memberships []membership, mounts []mount) (*Hierarchy, error) {
	h := &Hierarchy{version: 1}
	bases, reasons := findV1(memberships, mounts)
	if len(bases) == 0 && len(reasons) == 0 {
		h.version = 2
		bases, reasons = findV2(memberships, mounts)
	}
	h.bases = bases
	if len(h.bases) > 0 {
		return h, nil
	}
	if len(reasons) == 0 {
		reasons = []error{errors.New("no cgroup hierarchy is mounted")}
	}
	return nil, fmt.Errorf("cgroup: %w: %w; run as root, or in a delegated cgroup", ErrNotEnforceable, reasons[0])
}

// findV1 returns the usable hierarchies, and why others are not.
func findV1(memberships []membership, mounts []mount) (usable []base, reasons []error) {
	for _, m := range mounts {
		controllers := intersect(wanted, m.controllers)
		if m.version != 1 || len(controllers) == 0 {
			continue
		}
		i := slices.IndexFunc(memberships, func(s membership) bool { return slices.Contains(s.controllers, controllers[0]) })
		if i < 0 {
			continue
		}
		usable, reasons = consider(usable, reasons, m, memberships[i].path, controllers)
	}
	return usable, reasons
}

func findV2(memberships []membership, mounts []mount) (usable []base, reasons []error) {
	i := slices.IndexFunc(memberships, func(s membership) bool { return len(s.controllers) == 0 })
	for _, m := range mounts {
		if m.version == 2 && i >= 0 && len(usable) == 0 {
			usable, reasons = consider(usable, reasons, m, memberships[i].path, wanted)
		}
	}
	return usable, reasons
}

func consider(usable []base, reasons []error, m mount, path string, controllers []string) ([]base, []error) {
	b := base{point: m.point, controllers: controllers}
	dir, ok := m.directory(path)
	if !ok {
		return usable, append(reasons, fmt.Errorf("own cgroup %s is outside of what %s shows", path, m.point))
	}
	b.dir = dir
	if slices.ContainsFunc(usable, func(u base) bool { return u.dir == dir || overlap(u.controllers, controllers) }) {
		return usable, reasons // mounted twice
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return usable, append(reasons, fmt.Errorf("%s cannot be written: %w", dir, err))
	}
	return append(usable, b), reasons
}

// Version is 1 or 2.
func (h *Hierarchy) Version() int { return h.version }

// Controllers are those that are effective in groups made here.
func (h *Hierarchy) Controllers() []string {
	var all []string
	for _, b := range h.bases {
		if h.version == 1 {
			all = append(all, b.controllers...)
			continue
		}
		distributed := "cgroup.subtree_control"
		if canDistribute(b.dir) {
			distributed = "cgroup.controllers"
		}
		all = append(intersect(wanted, readWords(filepath.Join(b.dir, distributed))), "cpuacct")
	}
	slices.Sort(all)
	return all
}

// canDistribute says whether a version 2 cgroup may hand controllers to children.
func canDistribute(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "cgroup.type")); errors.Is(err, os.ErrNotExist) {
		return true // the root, which is exempt and has no type
	}
	return len(readWords(filepath.Join(dir, "cgroup.procs"))) == 0
}

// readWords is empty for a file that cannot be read: what it would list is not to be
// had then.
func readWords(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func overlap(a, b []string) bool { return len(intersect(a, b)) > 0 }
