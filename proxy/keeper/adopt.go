package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
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
	k.razeStale()
	for uid, p := range k.pods {
		if err := k.completePod(p); err != nil {
			k.log.Error("pod not adopted", "pod", uid, "error", err)
			delete(k.pods, uid)
			continue
		}
		k.assign(p)
	}
}

func (k *Keeper) adoptHeld(h anchor.Held, channels map[string]*os.File) error {
	kind, rest, _ := strings.Cut(h.Name, "/")
	switch kind + "/" {
	case heldNetns:
		var d Pod
		if err := json.Unmarshal(h.Label, &d); err != nil {
			return err
		}
		ns, err := netns.FromFile(h.File)
		if err != nil {
			return err
		}
		p := k.adopted(rest)
		p.Pod, p.netns = d, ns
	case heldListener:
		which, uid, _ := strings.Cut(rest, "/")
		k.adopted(uid).listeners[which] = true
		h.File.Close() // see holdListeners
	case heldChannel:
		channels[rest] = h.File
	default:
		return fmt.Errorf("unknown kind %q", kind)
	}
	return nil
}

// adopted is the pod that pieces of the inventory belong to; they come in any order.
func (k *Keeper) adopted(uid string) *pod {
	p := k.pods[uid]
	if p == nil {
		p = &pod{Pod: Pod{UID: uid}, listeners: map[string]bool{}, served: make(chan struct{})}
		k.pods[uid] = p
	}
	return p
}

func (k *Keeper) adoptProcess(p anchor.Process, channels map[string]*os.File) error {
	var l cellLabel
	if err := json.Unmarshal(p.Label, &l); err != nil {
		return err
	}
	f := channels[p.Name]
	if f == nil {
		return fmt.Errorf("its channel is not held")
	}
	delete(channels, p.Name)
	c := &keptCell{
		group: l.Group, generation: l.Generation, restarts: l.Restarts, uid: l.UID, pid: p.PID,
		state: cellUp, since: time.Now(), pods: map[string]*pod{},
		before: map[string]telemetry.Counts{}, now: map[string]telemetry.Counts{},
	}
	if err := k.connect(c, f); err != nil {
		return err
	}
	k.cells[c.group] = c
	for _, d := range k.pods {
		if k.config.Isolation.Group(d.Pod) == c.group {
			c.addPod(d)
		}
	}
	k.log.Info("cell adopted", "cell", c.group, "pid", c.pid)
	k.greet(c)
	if err := k.enclose(c); err != nil {
		k.log.Error("walls not built", "cell", c.group, "error", err)
	}
	k.countOOMKills(c)
	c.walls.size = 0 // the process may live by another keeper's: fit tells it
	k.fit(c)
	return nil
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
	drift, err := capture(p)
	switch {
	case err != nil: // the pod's connections are worth keeping all the same
		k.log.Error("capture not repaired", "pod", p.UID, "error", err)
	case drift != nil:
		k.log.Warn("capture repaired", "pod", p.UID, "error", drift)
	}
	return nil
}
