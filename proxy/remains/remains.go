package remains

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// Search is where to look. The zero value looks at processes and the namespaces of the machine.
type Search struct {
	Proc    string   // default /proc
	Mounts  string   // directory of namespaces without a process; default /run/netns
	Netns   []string // further namespaces, which must be there
	Sockets []string // admin sockets
	Cgroup  string   // as in the node's file; empty: not looked at
}

// Kind is what was found.
type Kind string

const (
	Process  Kind = "process"
	Rules    Kind = "rules"
	Listener Kind = "listener"
	Socket   Kind = "socket"
	Cgroup   Kind = "cgroup"
)

// Found is one thing that is left.
type Found struct {
	Kind  Kind   `json:"kind"`
	Where string `json:"where"` // pid, namespace or path
	What  string `json:"what"`
}

// Looked is how much was looked at: nothing found where nothing was looked at proves nothing.
type Looked struct {
	Processes  int `json:"processes"`
	Namespaces int `json:"namespaces"`
}

// ours are the executables of a node's proxy.
var ours = []string{"bulkhead-node", "bulkhead-cell"}

// Look looks. An error means that it could not look everywhere.
func (s Search) Look() ([]Found, Looked, error) {
	if s.Proc == "" {
		s.Proc = "/proc"
	}
	if s.Mounts == "" {
		s.Mounts = "/run/netns"
	}
	found, n, err := s.processes()
	looked := Looked{Processes: n}
	if err != nil {
		return found, looked, err
	}
	inside, n, err := s.namespaces()
	looked.Namespaces = n
	found = append(found, inside...)
	if err != nil {
		return found, looked, err
	}
	for _, path := range s.Sockets {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, Found{Socket, path, "the admin socket is there"})
		}
	}
	groups, err := s.cgroups()
	return append(found, groups...), looked, err
}

// pids are the processes of the machine.
func (s Search) pids() ([]string, error) {
	entries, err := os.ReadDir(s.Proc)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, e.Name())
		}
	}
	return all, nil
}

// processes are told by their executable: a name in the command line is anybody's to choose.
func (s Search) processes() (found []Found, n int, err error) {
	pids, err := s.pids()
	for _, pid := range pids {
		path, err := os.Readlink(filepath.Join(s.Proc, pid, "exe"))
		switch {
		case gone(err): // or a kernel thread, or a zombie: there is no program any more
			continue
		case err != nil:
			return found, n, err
		}
		n++
		path = strings.TrimSuffix(path, " (deleted)")
		if slices.Contains(ours, filepath.Base(path)) {
			found = append(found, Found{Process, "pid " + pid, path + " runs"})
		}
	}
	return found, n, err
}

func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// namespaces looks once into each network namespace.
func (s Search) namespaces() (found []Found, n int, err error) {
	pids, err := s.pids()
	if err != nil {
		return nil, 0, err
	}
	var maybe []string
	for _, pid := range pids {
		maybe = append(maybe, filepath.Join(s.Proc, pid, "ns", "net"))
	}
	mounted, err := filepath.Glob(filepath.Join(s.Mounts, "*"))
	if err != nil {
		return nil, 0, err
	}
	maybe = append(maybe, mounted...)
	seen := map[string]bool{}
	look := func(path string) error {
		ns, err := netns.Open(path)
		if err != nil {
			return err
		}
		defer ns.Close()
		if seen[ns.Inode()] {
			return nil
		}
		seen[ns.Inode()] = true
		inside, err := insideOf(ns, path)
		found = append(found, inside...)
		return err
	}
	for _, path := range maybe {
		if err := look(path); err != nil && !gone(err) && !errors.Is(err, netns.ErrNotNetns) {
			return found, len(seen), err
		}
	}
	for _, path := range s.Netns {
		if err := look(path); err != nil {
			return found, len(seen), err
		}
	}
	return found, len(seen), nil
}

// insideOf is what is left in one namespace.
func insideOf(ns *netns.Namespace, path string) (found []Found, err error) {
	where := fmt.Sprintf("%s (%s)", ns.Inode(), path)
	var drift *rules.Drift
	if err := rules.Clean(ns); errors.As(err, &drift) {
		for _, d := range drift.Differences {
			found = append(found, Found{Rules, where, fmt.Sprintf("%s: `%s`", d.Where, d.Found)})
		}
	} else if err != nil {
		return nil, err
	}
	ports, err := rules.Listeners(ns, redirect.NodePorts)
	for _, port := range ports {
		found = append(found, Found{Listener, where, fmt.Sprintf("somebody listens on port %d", port)})
	}
	return found, err
}

func (s Search) cgroups() (found []Found, err error) {
	if s.Cgroup == "" {
		return nil, nil
	}
	h, err := cgroup.Detect()
	if errors.Is(err, cgroup.ErrNotEnforceable) {
		return nil, nil // there can be none
	}
	if err != nil {
		return nil, err
	}
	g, err := h.Open(s.Cgroup + "/cells")
	if err != nil {
		return nil, err
	}
	for _, dir := range g.Dirs() {
		if _, err := os.Stat(dir); err == nil {
			found = append(found, Found{Cgroup, dir, "the group of the cells is there"})
		}
	}
	return found, nil
}
