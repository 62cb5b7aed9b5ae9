package keeper

import "time"

// maxDraining bounds the earlier processes that a cell has beside its newest: a
// replacement that would make more waits.
const maxDraining = 2

// replace has the cell's next generation take over: it is started, serves every pod
// of the cell, and only then do the earlier ones stop accepting and end their
// connections. The channel is closed when it serves them all, or the cell has ended.
// Replacements that are asked for meanwhile become one.
func (k *Keeper) replace(c *keptCell) <-chan struct{} {
	done := make(chan struct{})
	c.successors = append(c.successors, done)
	c.again = true
	k.settle(c)
	return done
}

// settle goes on with replacements once the newest process serves every pod.
func (k *Keeper) settle(c *keptCell) {
	if !c.settled() {
		return
	}
	if c.again {
		if len(c.draining) >= maxDraining {
			return // tidy comes back
		}
		c.again = false
		k.log.Info("cell replaced", "cell", c.group, "pid", c.current.pid)
		c.draining = append(c.draining, c.current)
		c.current = nil
		k.start(c)
		return
	}
	c.succeeded()
}

func (c *keptCell) settled() bool {
	if c.current == nil {
		return false
	}
	for _, p := range c.pods {
		if d := p.duties[c.current]; !p.drained && (d == nil || !d.ready) {
			return false
		}
	}
	return true
}

func (c *keptCell) succeeded() {
	for _, done := range c.successors {
		close(done)
	}
	c.successors = nil
}

// tidy ends what has nothing left to do: processes without a pod, and the cell that
// has neither.
func (k *Keeper) tidy(c *keptCell) {
	if c.current != nil && len(c.pods) == 0 {
		c.draining = append(c.draining, c.current)
		c.current, c.state, c.since = nil, cellStopping, time.Now()
	}
	for _, x := range c.draining {
		if !x.stopping && len(x.snapshot()) == 0 {
			k.stop(x, "it serves nobody any more")
		}
	}
	if len(c.pods) == 0 && len(c.processes()) == 0 && k.cells[c.group] == c {
		k.remove(c)
		c.succeeded()
		return
	}
	k.settle(c)
}

// retire replaces the cell that a workload left for a narrower one: the key is still
// in its process's memory, and a Go process cannot be trusted to forget it. Where a
// replica with the same identity stays, the key belongs there.
func (k *Keeper) retire(p *pod, x *process) {
	c := x.cell
	if c.current != x || len(c.pods) == 0 || !isolationOf(p.cell.group).narrower(isolationOf(c.group)) {
		return
	}
	w, ok := workloadOf(k.snapshot.Load(), p.UID)
	for uid := range c.pods {
		if other, known := workloadOf(k.snapshot.Load(), uid); ok && known && other.Identity == w.Identity {
			return
		}
	}
	k.replace(c)
}
