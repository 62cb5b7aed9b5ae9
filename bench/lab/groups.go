package lab

import (
	"errors"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// groups makes the cgroups of the lab, as a kubelet would: one per pod, with a child
// for the application and one for the sidecar. The keepers make their cells' own
// below that of their node. Without privilege there are none, and of returns nil.
//
//	bulkhead-lab-PID-START-PIDNS/node-1/tenant-a_web/{app,sidecar}
type groups struct {
	top       string
	hierarchy *cgroup.Hierarchy // nil: not enforceable here
}

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
	if err := setLimits(pod, wall{memory: appWall.memory + sidecarWall.memory, pids: podPids}); err != nil {
		return nil, err
	}
	one, err := g.hierarchy.Create(g.node(p.Node) + "/" + strings.ReplaceAll(p.Name(), "/", "_") + "/" + container)
	if err != nil {
		return nil, err
	}
	return one, setLimits(one, w)
}

// node is the name of a node's group; empty without cgroups.
func (g groups) node(name string) string {
	if g.hierarchy == nil {
		return ""
	}
	return g.top + "/" + name
}
