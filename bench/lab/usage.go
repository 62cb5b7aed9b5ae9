package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// ProcUsage is what one process uses.
type ProcUsage struct {
	Proc
	PSS     int64         `json:"pss"`     // bytes; shared pages divided by their users
	Private int64         `json:"private"` // bytes that nobody else maps
	CPU     time.Duration `json:"cpu"`     // user and system time since its start, in ticks of 10 ms
}

// Usage is what a data plane uses.
type Usage struct {
	At      int64         `json:"at"` // CLOCK_MONOTONIC, ns
	Procs   []ProcUsage   `json:"procs"`
	PSS     int64         `json:"pss"`
	Private int64         `json:"private"`
	CPU     time.Duration `json:"cpu"` // also of processes that have ended since Place
}

// Usage is what all processes of the data plane use now. PSS divides pages among
// the processes that map them, those of other executables included, so that sums
// add up but a single process looks cheaper beside others of its kind.
func (l *Lab) Usage() (Usage, error) {
	u := Usage{At: load.Now()}
	d := l.dataPlane()
	if d == nil {
		return u, nil
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return u, at("usage", "", err)
	}
	tree := newTree(all)
	for _, c := range d.containers {
		c.mu.Lock()
		u.CPU += c.spent
		c.mu.Unlock()
		for _, p := range tree.below(c.pid()) {
			u.add(l.describe(c, p), p, p.stat.PID == c.pid())
		}
	}
	l.nameCells(d, u.Procs)
	return u, nil
}

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
	var procs []Proc
	for _, c := range cells {
		if c.PID > 0 && slices.Contains(c.Workloads, p.Name()) {
			procs = append(procs, Proc{PID: c.PID, Role: RoleCell, Name: p.Node + " " + c.Name, Node: p.Node, Pods: c.Workloads})
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

// add counts one process. A process that ends meanwhile uses nothing any more.
func (u *Usage) add(p Proc, b branch, root bool) {
	rollup, err := b.proc.ProcSMapsRollup()
	if err != nil {
		return
	}
	one := ProcUsage{
		Proc:    p,
		PSS:     int64(rollup.Pss),
		Private: int64(rollup.PrivateClean + rollup.PrivateDirty),
		CPU:     ticks(b.stat.UTime + b.stat.STime),
	}
	u.Procs = append(u.Procs, one)
	u.PSS += one.PSS
	u.Private += one.Private
	u.CPU += one.CPU
	if root { // what its children had used that it waited for
		u.CPU += ticks(uint(max(0, b.stat.CUTime+b.stat.CSTime)))
	}
}

// ticks converts the kernel's USER_HZ, which is 100 on every architecture of Linux
// that Go supports.
func ticks(n uint) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// branch is one process in the tree of all.
type branch struct {
	proc procfs.Proc
	stat procfs.ProcStat
}

// tree is processes by parent.
type tree struct {
	byPID    map[int]branch
	children map[int][]int
}

func newTree(all procfs.Procs) tree {
	t := tree{byPID: make(map[int]branch), children: make(map[int][]int)}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil {
			continue // it has just ended
		}
		t.byPID[p.PID] = branch{p, stat}
		t.children[stat.PPID] = append(t.children[stat.PPID], p.PID)
	}
	return t
}

// below is a process and everything that it started.
func (t tree) below(pid int) []branch {
	b, ok := t.byPID[pid]
	if !ok {
		return nil
	}
	all := []branch{b}
	for _, child := range t.children[pid] {
		all = append(all, t.below(child)...)
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
