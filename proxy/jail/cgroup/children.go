package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Children are the names of the groups directly below, in any hierarchy. A group
// that is not there has none.
func (g *Group) Children() ([]string, error) {
	var names []string
	for _, p := range g.places {
		entries, err := os.ReadDir(p.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
