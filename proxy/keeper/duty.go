package keeper

import (
	"encoding/json"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// A duty is one process serving one pod. A pod has one, or two while it is handed
// over from one process to another: then both accept from the same listeners, which
// the anchor holds, so that no connection is refused or waits.
type duty struct {
	pod      *pod
	process  *process
	ready    bool      // the process has said that it accepts
	began    bool      // it has been ready
	dropping bool      // it was told to stop: open connections drain
	until    time.Time // when that must be over
	serves   int       // Serves that are not answered yet
	drops    int       // Drops that are not answered yet
	slot     int       // of its UDP socket, or noSlot
	left     []int     // of those that it reads until what drains has ended
}

// duty finds or begins that of process x. It is written down with the anchor before
// the process hears of it, so that the next keeper knows at least as much.
func (k *Keeper) duty(p *pod, x *process) *duty {
	d := p.duties[x]
	if d == nil {
		d = &duty{pod: p, process: x, slot: k.newSlot(p, x)}
		p.duties[x] = d
		k.lead(p)
		k.note(p)
		p.strikeAgain(x)
	}
	x.mu.Lock()
	x.pods[p.UID] = p
	x.mu.Unlock()
	return d
}

// serve has the pod served by its cell's newest process, and refreshes what others
// that still serve it know.
func (k *Keeper) serve(p *pod) {
	defer k.judgeDraining(p) // once all that shall drain has been told to
	x := p.cell.current
	if p.drained {
		k.releaseOthers(p, nil)
		return
	}
	if k.config.Custody == CustodyCell && k.releaseOthers(p, x) {
		return // they listen themselves: x cannot before they have let go
	}
	for y, d := range p.duties {
		if y != x && !d.dropping {
			k.sendServe(d)
		}
	}
	if x != nil && !x.stopping {
		d := k.duty(p, x)
		if d.dropping {
			d.dropping = false
			d.leaveSlot()
			d.slot = k.newSlot(p, x)
			k.note(p)
			k.lead(p)
		}
		k.sendServe(d)
	}
}

// releaseOthers tells every process but x to let go of a pod, and says whether any
// still has it.
func (k *Keeper) releaseOthers(p *pod, x *process) bool {
	busy := false
	for y, d := range p.duties {
		if y != x {
			busy = true
			k.release(d)
		}
	}
	return busy
}

// release tells a process to stop serving a pod; its open connections drain there.
func (k *Keeper) release(d *duty) {
	if !d.dropping {
		k.releaseWithin(d, d.pod.drain)
	}
}

// releaseWithin is release for a drain of its own; 0: the node's.
func (k *Keeper) releaseWithin(d *duty, drain time.Duration) {
	d.dropping, d.ready, d.until = true, false, k.deadline().Add(max(0, drain-time.Duration(k.config.Drain)))
	d.drops++
	k.note(d.pod)
	if d.process.foreign {
		k.dismiss(d.process)
		return
	}
	d.process.tell(&cell.Message{Drop: &cell.Drop{UID: d.pod.UID, Drain: drain, Last: d.pod.isLeft()}})
}

// isLeft says whether new connections are led past all cells of the node: what these
// still find in the pod's listeners is served by nobody else.
func (p *pod) isLeft() bool { return p.dropped == nil && (p.drained || p.placed.outside()) }

// serving takes a process's word that it accepts the pod's connections. If it is the
// one that shall, the others stop: only now, so that somebody always accepts.
func (k *Keeper) serving(d *duty) {
	d.ready = true
	k.proxies.begin(d)
	p := d.pod
	k.clear(p)
	p.report(nil)
	if p.dropped == nil {
		k.checkFailure(p)
	}
	if p.dropped != nil || p.cell.current != d.process {
		return
	}
	if err := k.place(p, ""); err != nil { // the pod comes from outside, and stays there for now
		k.log.Error("rules of a pod not changed, tried again", "workload", p.UID, "error", err)
		p.answer(err)
		return
	}
	p.answer(nil)
	k.lead(p)
	for y, other := range p.duties {
		if y != d.process {
			k.release(other)
			k.retire(p, y)
		}
	}
	k.settle(p.cell)
}

// end forgets a duty: its drain is over, or its process.
func (k *Keeper) end(d *duty) {
	p, x := d.pod, d.process
	delete(p.duties, x)
	k.proxies.end(d)
	x.mu.Lock()
	delete(x.pods, p.UID)
	x.mu.Unlock()
	x.series.Leave(p.UID)
	switch {
	case p.dropped == nil:
		k.note(p)
		k.lead(p)
		k.turnAway(p)
		k.serve(p) // whoever is left need not wait for x
	case len(p.duties) == 0:
		close(p.dropped)
	}
	k.tidy(x.cell)
}

// podLabel is what the next keeper has to know of a pod.
type podLabel struct {
	Pod
	By      map[string]bool  `json:"by,omitempty"`      // the processes that may serve it; true: it drains there
	Until   map[string]int64 `json:"until,omitempty"`   // when that must be over, of CLOCK_MONOTONIC
	Instead FailureAction    `json:"instead,omitempty"` // what its rules do now; empty: capture
	Placed  Isolation        `json:"placed,omitempty"`  // whose rules it has, when not a cell's on the node
	Drained bool             `json:"drained,omitempty"` // by an operator
	Rolling *Isolation       `json:"rolling,omitempty"` // it was drained there before a rollback that is under way
	Member  string           `json:"member,omitempty"`  // the group that it belongs to
	Joined  int64            `json:"joined,omitempty"`  // since when, of CLOCK_MONOTONIC
	// Slots are of the processes in By, those of what drains after the first. Noted before
	// a process hears of its own: no other must have it.
	Slots    map[string][]int `json:"slots,omitempty"`
	Drops    map[string]int   `json:"drops,omitempty"` // not answered yet, by those that read slots of what drains and serve it again
	ResetKey []byte           `json:"resetKey,omitempty"`
}

// note writes down with the anchor what the keeper knows of a pod.
func (k *Keeper) note(p *pod) {
	if p.dropped != nil {
		return // on its way out
	}
	l := podLabel{Pod: p.Pod, By: map[string]bool{}, Until: map[string]int64{}, Drops: map[string]int{}, Instead: p.failing.action, Placed: p.placed, Drained: p.drained, Rolling: p.rolling, Member: p.member, Joined: monotonic() - int64(time.Since(p.joined)), ResetKey: p.quic.key}
	if p.quic.there() {
		l.Slots = map[string][]int{}
	}
	for x, d := range p.duties {
		l.By[x.name()] = d.dropping
		if l.Slots != nil {
			l.Slots[x.name()] = d.slots()
		}
		if !d.dropping && d.left != nil {
			l.Drops[x.name()] = d.drops
		}
		if d.dropping {
			l.Until[x.name()] = monotonic() + int64(time.Until(d.until))
		}
	}
	b, err := json.Marshal(l)
	if err == nil {
		err = k.holder.Hold(heldNetns+p.UID, b, p.netns.File())
	}
	if err != nil {
		k.log.Error("anchor", "note", p.UID, "error", err)
	}
}

// unassign takes a pod out of its cell and of every process.
func (k *Keeper) unassign(p *pod) {
	delete(p.cell.pods, p.UID)
	if len(p.duties) == 0 {
		close(p.dropped)
	}
	for _, d := range p.duties {
		k.release(d)
	}
	k.tidy(p.cell)
}

// instead is what the pod's rules do in place of capture.
func (l podLabel) instead() FailureAction {
	if l.Drained {
		return Closed
	}
	return l.Instead
}
