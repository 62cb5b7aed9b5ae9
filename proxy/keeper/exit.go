package keeper

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// exited takes the anchor's word that a process has ended.
func (k *Keeper) exited(e anchor.Event) {
	c := k.cellOf(e.Name)
	if c == nil {
		return // of an earlier generation
	}
	k.drop(heldChannel + c.name())
	for uid, n := range c.now {
		c.before[uid] = c.before[uid].Add(n)
	}
	c.now = map[string]telemetry.Counts{}
	c.out = nil
	c.pid = 0
	status := statusText(e.Status)
	if k.countOOMKills(c) {
		status += " by the kernel, out of memory"
	}
	for _, p := range c.snapshotPods() {
		if p.dropped != nil { // its removal was under way; there is nothing left to drain
			c.removePod(p)
			close(p.dropped)
		}
	}
	if len(c.snapshotPods()) == 0 {
		k.remove(c)
		k.log.Info("cell ended", "cell", c.group, "status", status)
		return
	}
	if c.state == cellStopping { // a pod came while it was on its way out
		k.start(c)
		return
	}
	k.log.Error("cell died", "cell", c.group, "status", status, "lived", time.Since(c.since).Round(time.Millisecond))
	k.backOff(c)
}

// remove forgets a cell that has no process and will have none.
func (k *Keeper) remove(c *keptCell) {
	delete(k.cells, c.group)
	k.raze(c)
}

// backOff starts the cell again after its delay.
func (k *Keeper) backOff(c *keptCell) {
	r := k.config.Restart
	if c.state == cellUp && time.Since(c.since) > aliveLongEnough {
		c.delay = 0
	}
	c.delay = nextDelay(c.delay, r)
	c.state, c.since = cellBackoff, time.Now()
	c.restarts++
	delay := c.delay
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
		case k.cells[c.group] != c || c.state != cellBackoff:
		case len(c.snapshotPods()) == 0:
			k.remove(c)
		default:
			k.start(c)
		}
	})
}

// stopIfEmpty ends a cell that serves nobody any more.
func (k *Keeper) stopIfEmpty(c *keptCell) {
	if len(c.snapshotPods()) == 0 && c.state == cellUp {
		c.state = cellStopping
		k.kill(c, unix.SIGTERM, "its last workload is gone")
	}
}

// checkLiveness pings every cell, and kills those that missed too many pings or
// let their queue overflow. Without it custody would turn a hang into an endless
// wait for everybody who connects.
func (k *Keeper) checkLiveness() {
	for _, c := range k.cells {
		if c.state != cellUp || c.out == nil {
			continue
		}
		k.fit(c)
		if !k.config.Liveness.Off && (c.pinged >= k.config.Liveness.Misses || c.out.full) {
			c.pinged = 0 // the exit follows; do not kill it twice a second
			k.kill(c, unix.SIGKILL, "it does not answer")
			continue
		}
		c.ping++
		c.pinged++
		c.tell(&cell.Message{Ping: &cell.Ping{N: c.ping}})
	}
}

// pong takes a sign of life and what it counted. Counts of workloads that the cell
// does not serve are ignored: they are a claim of the cell.
func (k *Keeper) pong(c *keptCell, p *cell.Pong) {
	if p.N > c.ping {
		return // invented
	}
	c.pinged = 0
	c.lost = p.Dropped
	for uid, n := range p.Counts {
		if _, ok := c.serves(uid); ok {
			c.now[uid] = n
		}
	}
}

func statusText(s unix.WaitStatus) string {
	if s.Signaled() {
		return s.Signal().String()
	}
	return "exit " + strconv.Itoa(s.ExitStatus())
}
