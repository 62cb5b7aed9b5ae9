package keeper

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
)

// adopt takes over what an earlier keeper of this anchor left: pods, listeners,
// channels and processes. What cannot be understood is given up, with a line.
func (k *Keeper) adopt(inv *anchor.Inventory) {
	channels := map[string]*os.File{} // by process name
	for _, h := range inv.Held {
		if err := k.adoptHeld(h, channels); err != nil {
			k.log.Error("not adopted", "name", h.Name, "error", err)
			k.drop(h.Name)
			h.File.Close()
		}
	}
	for _, p := range inv.Processes {
		if err := k.adoptProcess(p, channels); err != nil {
			k.log.Error("cell not adopted, killed", "name", p.Name, "error", err)
			_ = k.anchor.Signal(p.Name, unix.SIGKILL)
		}
	}
	for name, f := range channels { // of processes that have ended meanwhile
		k.drop(heldChannel + name)
		f.Close()
	}
	k.adoptCells()
	k.razeStale()
	k.adoptPods()
	for _, x := range k.processes {
		if !x.foreign {
			k.hear(x)
		}
	}
	for _, p := range k.pods { // after all duties are known: nobody is tidied away
		k.assign(p)
		k.lead(p)
	}
	for _, c := range k.cells {
		k.tidy(c)
	}
	k.replaceOutdated()
}

// adoptCells makes each cell's newest process its current one.
func (k *Keeper) adoptCells() {
	for _, c := range k.cells {
		if len(c.draining) == 0 {
			k.adoptAway(c)
			continue
		}
		slices.SortFunc(c.draining, func(a, b *process) int { return a.generation - b.generation })
		last := len(c.draining) - 1
		c.current, c.draining = c.draining[last], c.draining[:last]
		c.generation, c.state, c.since = max(c.generation, c.current.generation), cellUp, c.current.since
		if err := k.enclose(c); err != nil {
			k.log.Error("walls not built", "cell", c.group, "error", err)
		}
		k.countOOMKills(c)
		c.walls.size = 0 // the process may live by another keeper's: fit tells it
		k.log.Info("cell adopted", "cell", c.group, "pid", c.current.pid, "draining", len(c.draining))
	}
}

// adoptAway is for a cell that has no process: its back-off goes on.
func (k *Keeper) adoptAway(c *keptCell) {
	if err := k.enclose(c); err != nil {
		k.log.Error("walls not built", "cell", c.group, "error", err)
	}
	k.countOOMKills(c)
	k.log.Info("cell adopted in back-off", "cell", c.group, "deaths", c.deaths.Row, "delay", c.deaths.Delay)
	k.resume(c)
}

// adoptPods completes the pods of the inventory, and gives up those that cannot be.
func (k *Keeper) adoptPods() {
	for uid, p := range k.pods {
		if err := k.completePod(p); err != nil {
			k.log.Error("pod not adopted", "pod", uid, "error", err)
			delete(k.pods, uid)
			if p.netns == nil {
				k.forget(p) // or its ports were taken when it is added again
			}
			continue
		}
		k.adoptDuties(p)
		k.adoptDatagrams(p)
	}
}

// adoptDuties takes over what the pod's label says about who serves it. A Drop is
// said again: its answer may have died with the last keeper.
func (k *Keeper) adoptDuties(p *pod) {
	for name, dropping := range p.noted {
		x := k.processes[name]
		if x == nil {
			continue
		}
		d := &duty{pod: p, process: x, ready: !dropping}
		d.adoptSlots(p.quic.noted[name])
		k.proxies.begin(d)
		p.duties[x] = d
		x.pods[p.UID] = p
		if dropping {
			k.releaseWithin(d, max(0, time.Until(since(p.until[name]))-overdueAfter)) // what is left of its time
		} else {
			d.drops = p.drops[name] // of what drains beside it: the answers come yet, and free its slots
		}
	}
	p.noted, p.until, p.drops, p.quic.noted = nil, nil, nil, nil
}

// completePod makes up for what the last keeper did not get to.
func (k *Keeper) completePod(p *pod) error {
	if p.netns == nil {
		return errors.New("its network namespace is not held")
	}
	if k.config.Custody == CustodyAnchor {
		if err := k.holdListeners(p); err != nil {
			return err
		}
	}
	drift, err := p.rules.repair(p)
	switch {
	case err != nil: // the pod's connections are worth keeping all the same
		k.log.Error("capture not repaired", "pod", p.UID, "error", err)
	case drift != nil:
		k.log.Warn("capture repaired", "pod", p.UID, "error", drift)
	}
	p.unwatch = k.beginWatch(p)
	return nil
}
