package lab

import "github.com/prometheus/procfs"

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

func readTree() (tree, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return tree{}, err
	}
	t := tree{byPID: make(map[int]branch), children: make(map[int][]int)}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil {
			continue // it has just ended
		}
		t.byPID[p.PID] = branch{p, stat}
		t.children[stat.PPID] = append(t.children[stat.PPID], p.PID)
	}
	return t, nil
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

// translate maps the pids that a container's processes have inside it to those of
// the lab. A process may be deeper still, as a cell is: the container's own level is
// where its first process has its innermost pid.
func (t tree) translate(container int) map[int]int {
	pids := make(map[int]int)
	level := -1
	for _, b := range t.below(container) { // the container's first process comes first
		status, err := b.proc.NewStatus()
		if err != nil {
			continue // it has just ended
		}
		if level == -1 {
			level = len(status.NSpids) - 1
		}
		if level >= 0 && level < len(status.NSpids) {
			pids[int(status.NSpids[level])] = b.stat.PID
		}
	}
	return pids
}
