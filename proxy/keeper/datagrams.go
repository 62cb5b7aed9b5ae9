package keeper

import (
	"crypto/rand"
	"fmt"
	"os"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// QUIC of a pod: its UDP sockets, which the anchor holds from the pod's first day to its last,
// whatever the custody of listeners is; who reads which; and the key of stateless resets, by
// which peers of a process that died hear from its successor that their connections are lost.

// heldQUIC is quic/<slot>/<uid>.
const heldQUIC = "quic/"

func quicName(slot int, uid string) string { return fmt.Sprintf("%s%d/%s", heldQUIC, slot, uid) }

// datagrams are a pod's. The loop owns them.
type datagrams struct {
	held int       // of its sockets, by the anchor; all or none
	key  []byte    // of stateless resets
	led  *steer.To // how packets are led; nil: not known
	// noted are podLabel.Slots, until they are adopted.
	noted map[string][]int
}

// there says whether the pod has all of its sockets.
func (d *datagrams) there() bool { return d.held == steer.Slots }

// resetKey makes the key before the pod's label is held: what is held after that label is found
// by the next keeper, and what was before it would be nobody's.
func (k *Keeper) resetKey(p *pod) {
	if k.config.Tunnels.QUIC.On && p.quic.key == nil {
		p.quic.key = make([]byte, 32)
		_, _ = rand.Read(p.quic.key) // never fails
	}
}

// holdDatagrams makes what the anchor does not hold yet. Some of a group, of a keeper that died while it
// held them, are worth nothing: no process has heard of them.
func (k *Keeper) holdDatagrams(p *pod) error {
	if !k.config.Tunnels.QUIC.On || p.quic.there() {
		return nil
	}
	k.dropDatagrams(p)
	group, err := steer.Open(p.netns, redirect.NodePorts.HBONE, redirect.MarkProxy)
	if err != nil {
		return fmt.Errorf("UDP sockets of %s: %w", p.UID, err)
	}
	defer closeAll(group)
	for slot, f := range group {
		if err := k.anchor.Hold(quicName(slot, p.UID), nil, f); err != nil {
			return err
		}
		p.quic.held++
	}
	return nil
}

// dropDatagrams gives up what the anchor holds of a pod's sockets.
func (k *Keeper) dropDatagrams(p *pod) {
	if p.quic.held > 0 {
		for slot := range steer.Slots {
			k.drop(quicName(slot, p.UID))
		}
		p.quic.held = 0
	}
}

// noSlot is that of a process that has no QUIC.
const noSlot = -1

// freeSlot is the lowest that no process reads, which may be that of one that died: what
// waits in its socket is answered with resets then.
func (p *pod) freeSlot() int {
	if !p.quic.there() {
		return noSlot
	}
	for slot := range steer.Slots {
		if !p.reads(slot) {
			return slot
		}
	}
	return noSlot // so many drain: this one goes without
}

func (p *pod) reads(slot int) bool {
	for _, d := range p.duties {
		if d.slot == slot || slices.Contains(d.left, slot) {
			return true
		}
	}
	return false
}

// renewSlot is for a process that serves again while it drains: what drains there goes on
// reading its own socket.
func (d *duty) renewSlot() {
	if d.slot == noSlot {
		return
	}
	d.left = append(d.left, d.slot)
	d.slot = noSlot
	d.slot = d.pod.freeSlot()
}

// newest is the slot of the process that takes what begins: the one that shall serve the pod
// once it does, and until then one that does.
func (p *pod) newest() (slot int) {
	slot = noSlot
	for x, d := range p.duties {
		switch {
		case d.slot == noSlot || d.dropping:
		case x == p.cell.current && d.ready:
			return d.slot
		case d.ready, slot == noSlot:
			slot = d.slot
		}
	}
	return slot
}

// lead has the kernel lead the pod's packets to those who read them now.
func (k *Keeper) lead(p *pod) {
	if !p.quic.there() || p.dropped != nil {
		return
	}
	newest := p.newest()
	if newest == noSlot {
		return // nobody takes what begins; what comes waits for who will
	}
	to := steer.To{Begins: uint8(newest)}
	for slot := range steer.Slots {
		to.Slots[slot] = uint8(newest)
		if p.reads(slot) {
			to.Slots[slot] = uint8(slot)
		}
	}
	if p.quic.led != nil && *p.quic.led == to {
		return
	}
	f, err := k.anchor.Fetch(quicName(0, p.UID))
	if err == nil {
		err = steer.Lead(f, to)
		f.Close()
	}
	if err != nil {
		k.log.Error("packets of QUIC are not led to a new process", "workload", p.UID, "error", err)
		return
	}
	p.quic.led = &to
}

// socket is what a process needs for QUIC; nil: it has none.
func (k *Keeper) socket(d *duty) (*cell.QUIC, *os.File, error) {
	if d.slot == noSlot {
		return nil, nil, nil
	}
	f, err := k.anchor.Fetch(quicName(d.slot, d.pod.UID))
	if err != nil {
		return nil, nil, err
	}
	return &cell.QUIC{Slot: uint8(d.slot), Key: d.pod.quic.key}, f, nil
}

// slots are the duty's own first, then those that drain, for the pod's label.
func (d *duty) slots() []int { return append([]int{d.slot}, d.left...) }

// adoptSlots takes over what the label says; a label of before QUIC says nothing.
func (d *duty) adoptSlots(slots []int) {
	d.slot = noSlot
	for i, slot := range slots {
		switch {
		case slot < 0 || slot >= steer.Slots:
		case i == 0:
			d.slot = slot
		default:
			d.left = append(d.left, slot)
		}
	}
}
