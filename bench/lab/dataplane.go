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
	if !d.subject.OnNode() {
		c := d.serving[pod]
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
	cells, err := d.admins[p.Node].cells(ctx)
	if err != nil {
		return nil, at("data plane", p.Name(), err)
	}
	tree, err := readTree()
	if err != nil {
		return nil, at("data plane", p.Name(), err)
	}
	pids := tree.translate(d.serving[p.Name()].pid())
	var procs []Proc
	for _, c := range cells {
		if pid := pids[c.PID]; pid > 0 && slices.Contains(c.Workloads, p.Name()) {
			procs = append(procs, Proc{PID: pid, Role: RoleCell, Name: p.Node + " " + c.Name, Node: p.Node, Pods: c.Workloads})
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
		return Proc{PID: p.stat.PID, Role: RoleSidecar, Name: c.name}
	case p.stat.PID == c.pid():
		role = RoleAnchor
	case slices.Contains(args, "keeper"):
		role = RoleKeeper
	}
	return Proc{PID: p.stat.PID, Role: role, Name: c.name + " " + role, Node: c.name}
}

// nameCells fills in what only the keepers know. A keeper that does not answer
// leaves its cells without names.
func (l *Lab) nameCells(d *dataPlane, procs []ProcUsage) {
	for _, p := range l.topology.Pods {
		serving, err := l.DataPlane(p.Name())
		if err != nil {
			continue
		}
		for _, s := range serving {
			for i := range procs {
				if procs[i].PID == s.PID {
					procs[i].Proc = s
				}
			}
		}
	}
}

func (l *Lab) unknownPod(name string) error {
	var names []string
	for _, p := range l.topology.All() {
		names = append(names, p.Name())
	}
	return &Misuse{fmt.Sprintf("no pod is named %q: the lab has %s", name, strings.Join(names, ", "))}
}
