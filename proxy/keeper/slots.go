package keeper

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
)

// Which process reads which UDP socket of a pod.

// noSlot is that of a process that has no QUIC.
const noSlot = -1

// newSlot is for a process that begins to read; its jail must let it speak QUIC, which is as the
// node's file was when it was started.
func (k *Keeper) newSlot(p *pod, x *process) int {
	if !k.config.Tunnels.QUIC.On || !x.datagrams {
		return noSlot
	}
	k.lead(p) // looks at the sockets
	return p.freeSlot()
}

// freeSlot is one that no process reads. The first choice is where what begins is led, which waits there if
// nobody has read it: what belongs to a process that died is answered with resets then.
func (p *pod) freeSlot() int {
	if !p.quic.there() {
		return noSlot
	}
	if waits := int(p.quic.led.Begins); !p.reads(waits) {
		return waits
	}
	for slot := range steer.Slots {
		if !p.reads(slot) {
			return slot
		}
	}
	return noSlot // so many drain: this one goes without
}

// anyReads says whether a process has any of the sockets.
func (p *pod) anyReads() bool {
	for slot := range steer.Slots {
		if p.reads(slot) {
			return true
		}
	}
	return false
}

func (p *pod) reads(slot int) bool {
	for _, d := range p.duties {
		if d.slot == slot || slices.Contains(d.left, slot) {
			return true
		}
	}
	return false
}

// leaveSlot is for a process that serves again while it drains: what drains there goes on
// reading its own socket.
func (d *duty) leaveSlot() {
	if d.slot != noSlot {
		d.left = append(d.left, d.slot)
		d.slot = noSlot
	}
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

// leading is where packets shall go. While nobody takes what begins, it waits for who will.
func (p *pod) leading() steer.To {
	newest := p.newest()
	if newest == noSlot {
		return p.quic.led
	}
	to := steer.To{Begins: uint8(newest)}
	for slot := range steer.Slots {
		to.Slots[slot] = uint8(newest)
		if p.reads(slot) {
			to.Slots[slot] = uint8(slot)
		}
	}
	return to
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
