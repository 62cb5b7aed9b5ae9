package keeper

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// adoptHeld takes one descriptor of the inventory; its name says what kind it is.
func (k *Keeper) adoptHeld(h anchor.Held, channels map[string]*os.File) error {
	kind, rest, _ := strings.Cut(h.Name, "/")
	switch kind + "/" {
	case heldNetns:
		var d podLabel
		if err := json.Unmarshal(h.Label, &d); err != nil {
			return err
		}
		ns, err := netns.FromFile(h.File)
		if err != nil {
			return err
		}
		p := k.adopted(rest)
		p.Pod, p.noted, p.until, p.drops, p.netns = d.Pod, d.By, d.Until, d.Drops, ns
		p.member, p.joined, p.drained = d.Member, since(d.Joined), d.Drained
		p.failing.action, p.placed, p.rules.plan = d.Instead, d.Placed, planOf(d.Placed, d.instead())
		p.quic.key, p.quic.noted = d.ResetKey, d.Slots
		p.wasRolling(d.Rolling)
	case heldQUIC:
		at, uid, _ := strings.Cut(rest, "/")
		slot, err := strconv.Atoi(at)
		if err != nil || slot < 0 || slot >= steer.Slots {
			return fmt.Errorf("slot %q", at)
		}
		k.adopted(uid).quic.held[slot] = true
		h.File.Close() // see holdListeners
	case heldListener:
		which, uid, _ := strings.Cut(rest, "/")
		k.adopted(uid).listeners[which] = true
		h.File.Close() // see holdListeners
	case heldCell:
		h.File.Close()
		return k.adoptDeaths(rest, h)
	case heldHandover:
		h.File.Close()
		k.before = vitals.EndedByOrder
		k.drop(h.Name)
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
		p = newPod(Pod{UID: uid}, nil)
		k.pods[uid] = p
	}
	return p
}

// adoptProcess takes one process, with the channel that is held for it.
func (k *Keeper) adoptProcess(p anchor.Process, channels map[string]*os.File) error {
	var l processLabel
	if err := json.Unmarshal(p.Label, &l); err != nil {
		return err
	}
	f := channels[p.Name]
	if f == nil {
		return fmt.Errorf("its channel is not held")
	}
	delete(channels, p.Name)
	c := k.cells[l.Group]
	if c == nil {
		c = newCell(l.Group)
	}
	x := &process{
		cell: c, generation: l.Generation, pid: p.PID, uid: l.UID, since: since(l.Since), datagrams: l.Datagrams, migrates: l.Migrates,
		pods: map[string]*pod{}, now: map[string]telemetry.Counts{}, views: map[string]string{}, series: k.series.Account(),
	}
	if x.foreign = l.Version != cell.ProtocolVersion; x.foreign {
		f.Close() // the anchor keeps it open
	} else if err := k.connect(x, f); err != nil {
		return err
	}
	k.cells[c.group] = c
	c.draining = append(c.draining, x)
	k.processes[p.Name] = x
	if !x.foreign {
		k.greet(x)
	}
	return nil
}
