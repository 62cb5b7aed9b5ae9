package keeper

import (
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// exited takes the anchor's word that a process has ended.
func (k *Keeper) exited(e anchor.Event) {
	x := k.processes[e.Name]
	if x == nil || x.pid != e.PID {
		k.missed(e)
		return
	}
	c := x.cell
	delete(k.processes, e.Name)
	k.drop(heldChannel + e.Name)
	for uid, n := range x.now {
		c.before[uid] = c.before[uid].Add(n.Past())
	}
	x.series.Close()
	x.out = nil
	status := statusText(e.Status)
	if k.countOOMKills(c) {
		status += " by the kernel, out of memory"
	}
	if x.stopping {
		k.log.Info("cell ended", "cell", c.group, "generation", x.generation, "status", status)
	} else {
		c.death = &vitals.Death{At: time.Now(), Status: status, Killed: x.killed}
		k.log.Error("cell died", "cell", c.group, "generation", x.generation, "status", status, "lived", time.Since(x.since).Round(time.Millisecond))
	}
	if c.current == x {
		c.current = nil
		k.backOff(c)
	} else {
		c.draining = slices.DeleteFunc(c.draining, func(y *process) bool { return y == x })
	}
	pods := x.snapshot()
	for _, p := range pods {
		if d := p.duties[x]; d != nil {
			k.end(d)
		}
	}
	if e.Status != 0 {
		k.suspect(pods) // who serves nobody any more, or a knock would stay in the backlog
	}
	k.tidy(c)
}

// remove forgets a cell that has no process and will have none.
func (k *Keeper) remove(c *keptCell) {
	delete(k.cells, c.group)
	if c.deaths.Restarts > 0 {
		k.drop(heldCell + c.group)
	}
	k.raze(c)
}

// backOff starts the cell again after its delay.
func (k *Keeper) backOff(c *keptCell) {
	delay := k.died(c)
	c.state, c.since = cellBackoff, time.Now()
	k.restartAt(c, delay)
}

func (k *Keeper) restartAt(c *keptCell, delay time.Duration) {
	k.running.Go(func() { k.restartAfter(c, delay) })
}

// nextDelay is the restart delay that follows prev.
func nextDelay(prev time.Duration, r Restart) time.Duration {
	if prev == 0 {
		return time.Duration(r.Initial)
	}
	return min(time.Duration(float64(prev)*r.Factor), time.Duration(r.Max))
}

func (k *Keeper) restartAfter(c *keptCell, delay time.Duration) {
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-k.life.Done():
		return
	}
	k.do(func() {
		switch {
		case k.cells[c.group] != c || c.state != cellBackoff || c.current != nil:
		case len(c.snapshotPods()) == 0:
			k.remove(c)
		default:
			k.start(c)
		}
	})
}

// checkLiveness pings every cell, and kills those that missed too many pings or
// let their queue overflow. Without it custody would turn a hang into an endless
// wait for everybody who connects.
func (k *Keeper) checkLiveness() {
	for _, c := range k.cells {
		k.fit(c)
	}
	k.checkPlaces()
	k.checkFailures()
	k.checkDeadlines()
	k.checkGenerations(time.Now())
	k.inspectAll()
	k.ping()
}

func (k *Keeper) ping() {
	for _, x := range k.processes {
		if x.foreign {
			continue
		}
		silent := x.pinged >= k.config.Liveness.Misses && !x.waiting.Load()
		if !k.config.Liveness.Off && (silent || x.out.full) {
			x.pinged = 0 // the exit follows; do not kill it twice a second
			k.kill(x, unix.SIGKILL, "it does not answer")
			continue
		}
		x.ping++
		x.pinged++
		x.tell(&cell.Message{Ping: &cell.Ping{N: x.ping}})
	}
}

// pong takes a sign of life and what it counted. Counts of workloads that the
// process does not serve are ignored: they are a claim of the cell.
func (k *Keeper) pong(x *process, p *cell.Pong) {
	if p.N > x.ping {
		return // invented
	}
	x.pinged = 0
	x.lost = p.Dropped
	for uid, n := range p.Counts {
		if _, ok := x.serves(uid); ok {
			x.now[uid] = n
		}
	}
	for uid, generation := range p.Views {
		if _, ok := x.serves(uid); ok {
			x.views[uid] = cut(generation)
		}
	}
	k.count(x, p.Series)
	x.holds(p.SVIDs)
}

func statusText(s unix.WaitStatus) string {
	if s.Signaled() {
		return s.Signal().String()
	}
	return "exit " + strconv.Itoa(s.ExitStatus())
}
