package keeper

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// Two isolations have no cell on the node. A pod under sidecar is served by a cell
// that a kubelet runs inside of it; the keeper only points the pod's rules there, in
// one nft batch, and its own cell lets go. A pod under none is captured no more: what
// it says is in plaintext, no policy protects it, and tunnels to it are refused at once
// until the mesh knows that it left. The keeper holds namespace and listening sockets
// of both, so that the way back is a move like any other.

// outside says whether no process of the node serves the cell's only pod.
func (c *keptCell) outside() bool { return isolationOf(c.group).outside() }

// planOf is where the rules of a pod send its connections under an isolation (empty: any
// with a cell on the node), and while its cell is dead.
func planOf(i Isolation, failing FailureAction) rules.Plan {
	switch i {
	case Sidecar:
		return rules.Plan{Ports: redirect.SidecarPorts}
	case None:
		return rules.Plan{Ports: redirect.NodePorts, Instead: rules.Passthrough}
	default:
		return rules.Plan{Ports: redirect.NodePorts, Instead: rules.Instead(failing)}
	}
}

// canLeave is nil when a pod may leave its cell: for a sidecar only when that listens.
// A pod that nobody serves has nothing to lose: its sidecar may start later.
func (p *pod) canLeave(to Isolation) error {
	if to != Sidecar || !p.isServed() {
		return nil
	}
	if err := rules.Listening(p.netns, redirect.SidecarPorts); err != nil {
		return fmt.Errorf("pod %s has no sidecar that could serve it (start bulkhead-sidecar in it first): %w", p.UID, err)
	}
	return nil
}

// leave points a pod's rules outside; who served it until now drains. Nobody serves one
// that is drained, and it stays refused until somebody undoes that, wherever it belongs.
func (k *Keeper) leave(p *pod) {
	defer k.judgeDraining(p)
	if p.drained {
		p.report(nil)
		p.answer(nil)
		return
	}
	to := isolationOf(p.cell.group)
	was := p.placed
	if err := k.place(p, to); err != nil {
		k.log.Error("rules of a pod not changed, tried again", "workload", p.UID, "isolation", to, "error", err)
		p.report(err)
		p.answer(err)
		return
	}
	p.report(nil)
	p.answer(nil)
	for x, d := range p.duties {
		k.release(d)
		k.retire(p, x)
	}
	if was != to {
		k.turnAway(p)
	}
}

// place changes a pod's rules to those of an isolation, if they are not yet. It is
// written down first, so that the next keeper leaves them as they are.
func (k *Keeper) place(p *pod, i Isolation) error {
	was := p.placed
	if was == i {
		return nil
	}
	p.placed = i
	if !i.outside() {
		p.drain = 0 // it may be that of a rollback that was given up
	}
	k.note(p)
	if err := p.rules.change(p, planOf(i, "")); err != nil {
		p.placed = was
		k.note(p)
		return err
	}
	p.failing = failing{}
	if i == None {
		k.log.Warn("workload is captured no more: its connections are in PLAINTEXT, and those to it meet NO POLICY", "workload", p.UID)
	}
	return nil
}

// checkPlaces tries again what could not be done: a pod whose sidecar did not listen
// when the configuration sent it there, or whose rules did not change, those of a drained
// one among them.
func (k *Keeper) checkPlaces() {
	for _, p := range k.pods {
		group, d := k.config.Group(p.Pod), p.duties[p.cell.current]
		switch {
		case group != p.cell.group && p.canLeave(isolationOf(group)) == nil:
			k.assign(p)
		case p.drained:
			k.checkShut(p)
		case p.cell.outside() && p.placed != isolationOf(p.cell.group):
			k.leave(p)
		case !p.cell.outside() && p.placed.outside() && d != nil && d.ready:
			k.serving(d)
		}
	}
}

// checkShut has the rules of a drained pod refuse what is new, if they do not yet.
func (k *Keeper) checkShut(p *pod) {
	if p.rules.follows(planOf("", Closed)) {
		return
	}
	if err := k.shut(p); err != nil {
		k.log.Error("rules of a drained pod not changed, tried again", "workload", p.UID, "error", err)
	}
}
