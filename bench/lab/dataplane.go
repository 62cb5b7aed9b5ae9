package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DataPlane is the processes that carry the bytes of a pod now; empty while there
// is none (isolation none, or it died and is not back).
func (l *Lab) DataPlane(pod string) ([]Proc, error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return nil, l.unknownPod(pod)
	}
	d := l.dataPlane()
	if d == nil || d.serving[pod] == nil {
		return nil, nil
	}
	c := d.serving[pod]
	if a := l.away(d, pod); a != nil {
		if c = a.sidecar; c == nil {
			return nil, nil
		}
	}
	if c != d.serving[pod] || !d.subject.OnNode() {
		if c.pid() == 0 {
			return nil, nil
		}
		return []Proc{{PID: c.pid(), Role: RoleSidecar, Name: c.name, Node: p.Node, Pods: []string{pod}}}, nil
	}
	return d.cellsOf(p)
}

// adminTimeout is for questions that a keeper answers at once.
const adminTimeout = 5 * time.Second

func (d *dataPlane) cellsOf(p Pod) ([]Proc, error) {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	tree, err := readTree()
	if err != nil {
		return nil, at("data plane", p.Name(), err)
	}
	procs, err := d.cellsOn(ctx, p.Node, d.serving[p.Name()], tree)
	if err != nil {
		return nil, at("data plane", p.Name(), err)
	}
	return slices.DeleteFunc(procs, func(c Proc) bool { return !slices.Contains(c.Pods, p.Name()) }), nil
}

// cellsOn is every cell of a node that has a process.
func (d *dataPlane) cellsOn(ctx context.Context, node string, proxy *container, t tree) ([]Proc, error) {
	cells, err := d.admins[node].cells(ctx)
	if err != nil {
		return nil, err
	}
	pids := t.translate(proxy.pid())
	var procs []Proc
	for _, c := range cells {
		if pid := pids[c.PID]; pid > 0 {
			procs = append(procs, Proc{PID: pid, Role: RoleCell, Name: node + " " + c.Name, Node: node, Pods: c.Workloads})
		}
	}
	return procs, nil
}

// Roles of a data plane's processes.
const (
	RoleSidecar = "sidecar"
	RoleCell    = "cell"
	RoleKeeper  = "keeper"
	RoleAnchor  = "anchor"

	RoleApplication = "application" // of a pod; no part of the data plane
	RoleControl     = "control"     // of the lab; no part of the data plane either
)

// describe says which process of a container this is.
func (l *Lab) describe(c *container, p branch) Proc {
	args, err := p.proc.CmdLine()
	if err != nil {
		args = nil // it has just ended
	}
	role := RoleCell
	switch {
	case p.stat.PID == c.pid() && slices.Contains(args, "sidecar"):
		return Proc{PID: p.stat.PID, Role: RoleSidecar, Name: c.name, Node: c.node}
	case p.stat.PID == c.pid():
		role = RoleAnchor
	case slices.Contains(args, "keeper"):
		role = RoleKeeper
	}
	return Proc{PID: p.stat.PID, Role: role, Name: c.name + " " + role, Node: c.node}
}

// named is every process of the data plane that carries bytes, with what only the
// keepers know. It asks each keeper once, not once per pod: a node may have a hundred.
// A keeper that does not answer leaves its cells without names.
func (l *Lab) named(d *dataPlane, t tree) map[int]Proc {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	all := make(map[int]Proc)
	for _, c := range d.containers {
		if d.admins[c.name] == nil {
			continue
		}
		cells, err := d.cellsOn(ctx, c.name, c, t)
		if err != nil {
			continue
		}
		for _, p := range cells {
			all[p.PID] = p
		}
	}
	if d.subject.OnNode() {
		return all
	}
	for _, p := range l.topology.Pods {
		if c := d.serving[p.Name()]; c != nil && c.pid() != 0 {
			all[c.pid()] = Proc{PID: c.pid(), Role: RoleSidecar, Name: c.name, Node: p.Node, Pods: []string{p.Name()}}
		}
	}
	return all
}

func (l *Lab) unknownPod(name string) error {
	var names []string
	for _, p := range l.topology.All() {
		names = append(names, p.Name())
	}
	return &Misuse{fmt.Sprintf("no pod is named %q: the lab has %s", name, strings.Join(names, ", "))}
}
