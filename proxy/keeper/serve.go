package keeper

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// greet begins the conversation with a process, new or adopted.
func (k *Keeper) greet(x *process) {
	x.tell(&cell.Message{Hello: &cell.Hello{Version: cell.ProtocolVersion, Cell: x.cell.group, Drain: time.Duration(k.config.Drain), Faults: k.config.AllowFaults, Level: admin.LevelName(k.level.Level())}})
}

// sendServe tells a process to serve a pod. A pod that the mesh does not know yet is
// served as soon as a snapshot knows it: its connections wait until then.
func (k *Keeper) sendServe(d *duty) {
	p, x := d.pod, d.process
	s := k.snapshot.Load()
	if s == nil {
		return
	}
	w, ok := s.Workload(p.UID)
	if !ok {
		p.err = fmt.Errorf("the mesh has no workload %q", p.UID)
		return
	}
	policies := s.Policies(w)
	w.Policies = nil // their names, which may be many: the policies come along
	wire, err := w.Wire()
	if err != nil {
		p.report(err)
		return
	}
	p.policies.want(policies)
	m := &cell.Serve{Workload: wire, Services: s.Services(w.UID), Policies: policies.Policies, Unknown: policies.Unknown, Generation: policies.Generation, Ports: redirect.NodePorts, Patient: d.patient(), Budget: k.config.Budgets.For(w.UID), Tunnels: k.config.Tunnels}
	var files []*os.File
	if !x.cell.inPod() {
		m.Files, files = append(m.Files, cell.FileNetns), append(files, p.netns.File())
	}
	var borrowed []*os.File
	for _, l := range listenPorts {
		if !p.listeners[l.name] {
			continue
		}
		f, err := k.holder.Fetch(listenerName(l.name, p.UID))
		if err != nil {
			closeAll(borrowed)
			p.report(err)
			return
		}
		m.Files, borrowed = append(m.Files, l.name), append(borrowed, f)
	}
	quic, socket, err := k.socket(d)
	if err != nil {
		k.log.Error("no QUIC", "workload", p.UID, "error", err)
	}
	if socket != nil {
		m.QUIC = quic
		m.Files, borrowed = append(m.Files, cell.FileQUIC), append(borrowed, socket)
	}
	d.serves++
	x.send(packet{message: &cell.Message{Serve: m}, files: append(files, borrowed...), borrowed: borrowed})
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// patient says whether another process serves the pod meanwhile: then this one
// accepts nothing before it has an SVID, however long that takes.
func (d *duty) patient() bool {
	for x, other := range d.pod.duties {
		if x != d.process && (other.ready || other.dropping) {
			return !d.ready
		}
	}
	return false
}

// report says how serving the pod went, and wakes whoever waits for it.
func (p *pod) report(err error) {
	p.err = err
	if !p.reported {
		p.reported = true
		close(p.served)
	}
}

// kill ends a process by its name in the anchor.
func (k *Keeper) kill(x *process, sig unix.Signal, why string) {
	k.log.Warn("cell signalled", "cell", x.cell.group, "generation", x.generation, "pid", x.pid, "signal", sig.String(), "why", why)
	if sig == unix.SIGKILL {
		x.killed = why
	}
	if err := k.anchor.Signal(x.name(), sig); err != nil {
		k.log.Error("anchor", "signal", x.name(), "error", err)
	}
}
