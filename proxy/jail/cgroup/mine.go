package cgroup

import (
	"os"
	"slices"
)

// Mine is the caller's own group, to read from: no controller need be distributable below
// it. nil where no hierarchy shows it. What is mounted at the place itself counts as its
// root, as in a container.
func Mine() *Group {
	memberships, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return mine(parseMemberships(string(memberships)), parseMounts(string(mounts)))
}

func mine(memberships []membership, mounts []mount) *Group {
	one, two := &Group{version: 1}, &Group{version: 2}
	for _, at := range mounts {
		of, g, controllers := "", one, intersect(wanted, at.controllers)
		if at.version == 2 {
			g, controllers = two, wanted
		} else if len(controllers) > 0 {
			of = controllers[0]
		} else {
			continue
		}
		i := slices.IndexFunc(memberships, func(m membership) bool {
			return of == "" && len(m.controllers) == 0 || slices.Contains(m.controllers, of)
		})
		if i < 0 {
			continue
		}
		if dir, ok := at.directory(memberships[i].path); ok {
			g.places = append(g.places, place{dir: dir, controllers: controllers})
		}
	}
	switch {
	case len(one.places) > 0:
		return one
	case len(two.places) > 0:
		return two
	}
	return nil
}
