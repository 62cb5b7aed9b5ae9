package keeper

import (
	"slices"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
)

// newSlotted is a pod with its sockets, and as many processes of one cell as it has duties for.
func newSlotted(duties ...*duty) (*pod, []*process) {
	p := newPod(Pod{UID: "a/x"}, nil)
	p.cell = newCell("g")
	p.quic.key = newResetKey()
	for slot := range p.quic.held {
		p.quic.held[slot] = true
	}
	var all []*process
	for i, d := range duties {
		x := &process{cell: p.cell, generation: i + 1}
		d.pod, d.process, p.duties[x] = p, x, d
		all = append(all, x)
	}
	return p, all
}

func TestAProcessGetsAFreeSlot(t *testing.T) {
	for _, c := range []struct {
		name string
		have []*duty
		want int
	}{
		{"the first", nil, 0},
		{"beside one that serves", []*duty{{slot: 0}}, 1},
		{"that of one that died", []*duty{{slot: 1}}, 0},
		{"beside what drains in a process that serves again", []*duty{{slot: 1, left: []int{0}}}, 2},
		{"beside one that has none", []*duty{{slot: noSlot}}, 0},
		{"too many", []*duty{{slot: 0}, {slot: 1}, {slot: 2, left: []int{3}}}, noSlot},
	} {
		if p, _ := newSlotted(c.have...); p.freeSlot() != c.want {
			t.Errorf("%s: slot %d, want %d", c.name, p.freeSlot(), c.want)
		}
	}
	p, _ := newSlotted()
	if p.quic.held[2] = false; p.freeSlot() != noSlot {
		t.Error("a pod without sockets gives slots")
	}
}

func TestWhoTakesWhatBegins(t *testing.T) {
	for _, c := range []struct {
		name    string
		have    []*duty
		current int // which of them is the cell's newest; -1: none
		want    int
	}{
		{"nobody", nil, -1, noSlot},
		{"the only one, also before it serves", []*duty{{slot: 0}}, 0, 0},
		{"the predecessor, while the successor does not serve", []*duty{{slot: 0, ready: true}, {slot: 1}}, 1, 0},
		{"the successor, once it does", []*duty{{slot: 0, ready: true}, {slot: 1, ready: true}}, 1, 1},
		{"nobody who drains", []*duty{{slot: 0, dropping: true}}, -1, noSlot},
		{"nobody without a slot", []*duty{{slot: noSlot, ready: true}, {slot: 2, ready: true}}, 0, 2},
	} {
		p, all := newSlotted(c.have...)
		if c.current >= 0 {
			p.cell.current = all[c.current]
		}
		if got := p.newest(); got != c.want {
			t.Errorf("%s: slot %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSlotsSurviveTheirLabel(t *testing.T) {
	p, _ := newSlotted(&duty{slot: 0})
	for _, d := range p.duties {
		d.leaveSlot()
		d.slot = p.freeSlot()
		if d.slot != 1 || !slices.Equal(d.left, []int{0}) {
			t.Errorf("slot %d, left %v", d.slot, d.left)
		}
		var again duty
		if again.adoptSlots(d.slots()); again.slot != d.slot || !slices.Equal(again.left, d.left) {
			t.Errorf("adopted %d, %v", again.slot, again.left)
		}
	}
	for _, label := range [][]int{nil, {noSlot}, {steer.Slots}} {
		var d duty
		if d.adoptSlots(label); d.slot != noSlot || d.left != nil {
			t.Errorf("%v: %d, %v", label, d.slot, d.left)
		}
	}
}
