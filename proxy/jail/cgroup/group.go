package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Group is one group, in every hierarchy that it needs. It is a name, not a handle:
// nothing of it is open.
type Group struct {
	version int
	places  []place
}

// place is a group's directory in one hierarchy.
type place struct {
	dir         string
	controllers []string // of version 1
}

// Create makes a group and its parents below the caller's own cgroup. A group that
// exists already is returned as it is. When it fails, it has removed what it made.
func (h *Hierarchy) Create(name string) (*Group, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var made []string
	for _, b := range h.bases {
		dirs, err := h.makeDirs(b.dir, name)
		made = append(made, dirs...)
		if err != nil {
			removeAll(made)
			if errors.Is(err, fs.ErrPermission) {
				err = fmt.Errorf("%w: %w", ErrNotEnforceable, err)
			}
			return nil, fmt.Errorf("cgroup: create %s: %w", name, err)
		}
	}
	return h.group(name), nil
}

// makeDirs returns the directories that were not there, parents first.
func (h *Hierarchy) makeDirs(dir, name string) (made []string, err error) {
	for _, element := range strings.Split(name, "/") {
		if h.version == 2 {
			distribute(dir)
		}
		dir = filepath.Join(dir, element)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			made = append(made, dir)
		} else if !errors.Is(err, fs.ErrExist) {
			return made, err
		}
	}
	return made, nil
}

// distribute hands a version 2 cgroup's controllers to its children, as far as it
// can: each by itself, because one that cannot be had must not cost the others.
func distribute(dir string) {
	if !canDistribute(dir) {
		return
	}
	for _, c := range intersect(wanted, readWords(filepath.Join(dir, "cgroup.controllers"))) {
		_ = write(filepath.Join(dir, "cgroup.subtree_control"), "+"+c)
	}
}

func removeAll(dirs []string) {
	for _, dir := range slices.Backward(dirs) {
		os.Remove(dir)
	}
}

// Open is the group of that name, which exists or has existed.
func (h *Hierarchy) Open(name string) (*Group, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return h.group(name), nil
}

func (h *Hierarchy) group(name string) *Group {
	g := &Group{version: h.version}
	for _, b := range h.bases {
		g.places = append(g.places, place{dir: filepath.Join(b.dir, name), controllers: b.controllers})
	}
	return g
}

// checkName keeps a group below the caller's cgroup, and away from the files there.
func checkName(name string) error {
	if !filepath.IsLocal(name) || filepath.Clean(name) != name || name == "." || strings.ContainsAny(name, "\n\x00") {
		return fmt.Errorf("cgroup: %q is not a relative path of plain names", name)
	}
	return nil
}

// Dirs are the group's directories; a process belongs to the group when it is in all.
func (g *Group) Dirs() []string {
	var dirs []string
	for _, p := range g.places {
		dirs = append(dirs, p.dir)
	}
	return dirs
}

// Controllers are those that are effective in this group.
func (g *Group) Controllers() []string {
	var all []string
	for _, p := range g.places {
		if g.version == 1 {
			all = append(all, p.controllers...)
			continue
		}
		all = append(intersect(wanted, readWords(filepath.Join(p.dir, "cgroup.controllers"))), "cpuacct")
	}
	slices.Sort(all)
	return all
}

// Add moves a process, with all its threads, into the group.
func (g *Group) Add(pid int) error {
	for _, p := range g.places {
		if err := write(filepath.Join(p.dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("cgroup: add process %d: %w", pid, err)
		}
	}
	return nil
}

// file is the path of a controller's file in this group, or ErrNotEnforceable.
func (g *Group) file(controller, name string) (string, error) {
	if !slices.Contains(g.Controllers(), controller) {
		return "", fmt.Errorf("cgroup: %w: the %s controller is not effective in %s", ErrNotEnforceable, controller, strings.Join(g.Dirs(), ", "))
	}
	for _, p := range g.places {
		if g.version == 2 || slices.Contains(p.controllers, controller) {
			return filepath.Join(p.dir, name), nil
		}
	}
	return "", ErrNotEnforceable // not reached: Controllers are those of places
}

// write never creates: a missing file means a missing controller.
func write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
