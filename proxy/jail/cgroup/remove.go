package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// removeTimeout is for processes that have ended and not been reaped yet: they
	// keep a version 1 group busy.
	removeTimeout = 5 * time.Second
	// searchDepth and searchLimit bound the search for stale groups.
	searchDepth = 8
	searchLimit = 20_000
)

// Remove removes the group and those below, deepest first. Its processes must have
// ended. A group that is gone already is no error.
func (g *Group) Remove() error { return g.removeUntil(time.Now().Add(removeTimeout)) }

func (g *Group) removeUntil(deadline time.Time) error {
	var errs []error
	for _, p := range g.places {
		if err := removeTree(p.dir, deadline); err != nil {
			errs = append(errs, fmt.Errorf("cgroup: remove: %w", err))
		}
	}
	return errors.Join(errs...)
}

// removeTree never removes files: those of a cgroup go with its directory.
func removeTree(dir string, deadline time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := removeTree(filepath.Join(dir, e.Name()), deadline); err != nil {
			return err
		}
	}
	for ; ; time.Sleep(pollInterval) {
		err := unix.Rmdir(dir)
		if err == nil || err == unix.ENOENT {
			return nil
		}
		if err != unix.EBUSY || time.Now().After(deadline) {
			return fmt.Errorf("%s with processes %v: %w", dir, readPIDs(dir), err)
		}
	}
}

// List returns the names of groups that begin with prefix, wherever they are in what
// this process sees of the hierarchies: an earlier run may have had another cgroup of
// its own, as after a new login. A name is the last element of the path; groups
// inside a group that is listed are not.
func (h *Hierarchy) List(prefix string) ([]string, error) {
	found, err := h.find(prefix)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// find returns the directories of groups by name.
func (h *Hierarchy) find(prefix string) (map[string][]string, error) {
	if len(prefix) < 3 || strings.Contains(prefix, "/") {
		return nil, fmt.Errorf("cgroup: prefix %q must be at least three characters of one name", prefix)
	}
	found := map[string][]string{}
	for _, b := range h.bases {
		budget := searchLimit
		search(b.point, prefix, searchDepth, &budget, found)
		if budget == 0 {
			return found, fmt.Errorf("cgroup: more than %d groups below %s: the search was cut short", searchLimit, b.point)
		}
	}
	return found, nil
}

// search skips what it cannot read, or what goes away meanwhile: not ours.
func search(dir, prefix string, depth int, budget *int, found map[string][]string) {
	entries, err := os.ReadDir(dir)
	if err != nil || depth == 0 {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || *budget == 0 {
			continue
		}
		*budget--
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), prefix) {
			found[e.Name()] = append(found[e.Name()], path)
			continue
		}
		search(path, prefix, depth-1, budget, found)
	}
}

// RemoveStale removes the groups that begin with prefix and of which alive says that
// nobody uses them, with all processes inside. Like List it looks everywhere, so
// alive must know the runs of the whole machine. It goes on after an error and
// returns all.
func (h *Hierarchy) RemoveStale(prefix string, alive func(name string) bool) error {
	found, err := h.find(prefix)
	errs := []error{err}
	for name, dirs := range found {
		if alive(name) {
			continue
		}
		g := &Group{version: h.version}
		for _, dir := range dirs {
			g.places = append(g.places, place{dir: dir})
		}
		err := g.Kill()
		if err == nil {
			err = g.Remove()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stale group %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
