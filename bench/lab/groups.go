package lab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// groups makes the cgroups of the lab, as a kubelet would: one per pod, with a child
// for the application's container and one for the sidecar. The keepers make their cells'
// own below that of their node. Without privilege there are none, and of returns nil.
//
// What no kubelet would make is the sampler's: the process that is a pod's application
// and measures it is beside the container that drills let get out of hand (Misbehave).
//
//	bulkhead-lab-PID-START-PIDNS/node-1/tenant-a_web/{app,sampler,sidecar}
type groups struct {
	top       string
	hierarchy *cgroup.Hierarchy // nil: not enforceable here
}

// Containers of a pod.
const (
	containerApp     = "app"
	containerSampler = "sampler"
	containerSidecar = "sidecar"
)

// newGroups finds out by making the top group whether there can be any: a cgroup
// file system that looks writable may still refuse.
func newGroups(top string) (groups, error) {
	if top == "" {
		return groups{}, nil
	}
	h, err := cgroup.Detect()
	if err == nil {
		_, err = h.Create(top)
	}
	if errors.Is(err, cgroup.ErrNotEnforceable) {
		return groups{}, nil
	}
	if err != nil {
		return groups{}, at("cgroup", top, err)
	}
	return groups{top: top, hierarchy: h}, nil
}

// of is the group of one of a pod's containers, with its limits. The pod's own
// has the sum of its containers' memory and the kubelet's limit of pids.
func (g groups) of(p Pod, container string, w wall) (*cgroup.Group, error) {
	if g.hierarchy == nil {
		return nil, nil
	}
	pod, err := g.hierarchy.Create(g.node(p.Node) + "/" + strings.ReplaceAll(p.Name(), "/", "_"))
	if err != nil {
		return nil, err
	}
	if err := pod.Limit(appWall.memory+sidecarWall.memory, 0, podPids); err != nil {
		return nil, err
	}
	one, err := g.hierarchy.Create(g.node(p.Node) + "/" + strings.ReplaceAll(p.Name(), "/", "_") + "/" + container)
	if err != nil {
		return nil, err
	}
	return one, one.Limit(w.memory, w.cpu, w.pids)
}

// node is the name of a node's group; empty without cgroups.
func (g groups) node(name string) string {
	if g.hierarchy == nil {
		return ""
	}
	return g.top + "/" + name
}

// charge is the memory charged to the group of a process: anonymous memory, page
// cache and socket buffers. It is 0 without cgroups, and for a process that has no
// group of the lab to itself, as anchor and keeper have none.
func (g groups) charge(pid int) int64 {
	group, err := g.holding(pid, "memory")
	if err != nil || group == nil {
		return 0
	}
	n, err := group.Memory()
	if err != nil {
		return 0
	}
	return n
}

// holding is the group of the lab in which a process is, under a controller; nil where
// it is in none.
func (g groups) holding(pid int, controller string) (*cgroup.Group, error) {
	if g.hierarchy == nil {
		return nil, nil
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, err // it has just ended
	}
	for line := range strings.Lines(string(b)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		i := strings.Index(path, g.top+"/")
		if i < 0 || controllers != "" && !slices.Contains(strings.Split(controllers, ","), controller) {
			continue
		}
		return g.hierarchy.Open(path[i:])
	}
	return nil, nil
}
