package keeper

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// greet begins the conversation with a process, new or adopted.
func (k *Keeper) greet(c *keptCell) {
	c.tell(&cell.Message{Hello: &cell.Hello{Version: cell.ProtocolVersion, Cell: c.group, Drain: time.Duration(k.config.Drain), Faults: k.config.AllowFaults}})
	c.strikeAgain()
	for _, p := range c.snapshotPods() {
		k.sendServe(c, p)
	}
}

// sendServe tells a cell to serve a pod. A pod that the mesh does not know yet is
// served as soon as a snapshot knows it: its connections wait until then.
func (k *Keeper) sendServe(c *keptCell, p *pod) {
	s := k.snapshot.Load()
	if s == nil {
		return
	}
	w, ok := s.Workload(p.UID)
	if !ok {
		p.err = fmt.Errorf("the mesh has no workload %q", p.UID)
		return
	}
	wire, err := w.Wire()
	if err != nil {
		p.report(err)
		return
	}
	m := &cell.Serve{Workload: wire, Services: s.Services(w.UID), Policies: s.Policies(w), Ports: redirect.NodePorts}
	var files []*os.File
	if !k.livesInPod() {
		m.Files, files = append(m.Files, cell.FileNetns), append(files, p.netns.File())
	}
	var borrowed []*os.File
	for _, l := range listenPorts {
		if !p.listeners[l.name] {
			continue
		}
		f, err := k.anchor.Fetch(listenerName(l.name, p.UID))
		if err != nil {
			closeAll(borrowed)
			p.report(err)
			return
		}
		m.Files, borrowed = append(m.Files, l.name), append(borrowed, f)
	}
	c.send(packet{message: &cell.Message{Serve: m}, files: append(files, borrowed...), borrowed: borrowed})
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func (c *keptCell) invalidate(version uint64) {
	if c.state == cellUp {
		c.tell(&cell.Message{Invalidate: &cell.Invalidate{Version: version}})
	}
}

// report says how serving the pod went, and wakes whoever waits for it.
func (p *pod) report(err error) {
	p.err = err
	if !p.reported {
		p.reported = true
		close(p.served)
	}
}

// unassign takes a pod from its cell; a cell without pods is stopped.
func (k *Keeper) unassign(p *pod) {
	c := k.cells[k.config.Isolation.Group(p.Pod)]
	if c == nil || c.state != cellUp {
		if c != nil {
			c.removePod(p)
		}
		close(p.dropped)
		return
	}
	c.tell(&cell.Message{Drop: &cell.Drop{UID: p.UID}})
}

// kill ends a process of this cell by its name in the anchor.
func (k *Keeper) kill(c *keptCell, sig unix.Signal, why string) {
	k.log.Warn("cell signalled", "cell", c.group, "pid", c.pid, "signal", sig.String(), "why", why)
	if err := k.anchor.Signal(c.name(), sig); err != nil {
		k.log.Error("anchor", "signal", c.name(), "error", err)
	}
}
