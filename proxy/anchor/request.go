package anchor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// handle does what a well-formed request asks and acknowledges it. It owns fds.
func (a *anchor) handle(p packet, fds []int) {
	switch p.verb {
	case verbAdopt:
		a.replay()
	case verbSeen:
		a.seen(p.name, int(p.number))
	case verbHold:
		a.acknowledge(p, 0, a.hold(p, fds[0]))
	case verbDrop:
		a.acknowledge(p, 0, a.drop(p.name))
	case verbFetch:
		a.fetch(p)
	case verbStart:
		pid, err := a.start(p, fds)
		a.acknowledge(p, pid, err)
	case verbSignal:
		a.acknowledge(p, 0, a.signal(p.name, unix.Signal(p.number)))
	case verbQuit:
		a.acknowledge(p, 0, nil)
		a.stop()
	}
}

func (a *anchor) acknowledge(p packet, pid int, err error) {
	ack := packet{verb: verbAck, id: p.id, number: uint32(pid)}
	if err != nil {
		ack.name = truncate(err.Error(), maxName)
	}
	a.report(ack)
}

// replay sends the inventory, then the exits that no keeper has seen.
func (a *anchor) replay() {
	a.adopted, a.keeper.adopted = true, true
	for name, h := range a.held {
		a.report(packet{verb: verbHeld, name: name, label: h.label}, h.fd)
	}
	for _, p := range a.pids {
		a.report(packet{verb: verbProcess, name: p.name, label: p.label, number: uint32(p.pid)})
	}
	a.report(packet{verb: verbAdopted})
	for _, p := range a.processes {
		if p.ended {
			a.report(p.exit())
		}
	}
}

// seen forgets an exit. The pid tells it from a later process of the same name.
func (a *anchor) seen(name string, pid int) {
	if p := a.processes[name]; p != nil && p.ended && p.pid == pid {
		delete(a.processes, name)
	}
}

func (a *anchor) hold(p packet, fd int) error {
	old, replaces := a.held[p.name]
	if !replaces && len(a.held) >= a.o.MaxHeld {
		unix.Close(fd)
		return fmt.Errorf("the anchor holds %d descriptors already", len(a.held))
	}
	if replaces {
		unix.Close(old.fd)
	}
	a.held[p.name] = held{label: p.label, fd: fd}
	return nil
}

func (a *anchor) drop(name string) error {
	h, ok := a.held[name]
	if !ok {
		return errNothingHeld
	}
	delete(a.held, name)
	return unix.Close(h.fd)
}

func (a *anchor) fetch(p packet) {
	h, ok := a.held[p.name]
	if !ok {
		a.acknowledge(p, 0, errNothingHeld)
		return
	}
	a.report(packet{verb: verbAck, id: p.id}, h.fd)
}

func (a *anchor) start(p packet, fds []int) (int, error) {
	defer channel.CloseFDs(fds)
	old := a.processes[p.name]
	switch {
	case a.stopping:
		return 0, errStopping
	case old != nil && !old.ended:
		return 0, fmt.Errorf("runs already, as pid %d", old.pid)
	case old == nil && len(a.processes) >= a.o.MaxProcesses:
		return 0, fmt.Errorf("the anchor has %d processes already", len(a.processes))
	}
	pid, err := a.fork(p.argv, p.env, fds, p.number == startOwnPIDs)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.argv[0], err)
	}
	started := &process{name: p.name, label: p.label, pid: pid}
	a.processes[p.name], a.pids[pid] = started, started
	return pid, nil
}

func (a *anchor) signal(name string, sig unix.Signal) error {
	p := a.processes[name]
	if p == nil || p.ended {
		return errNotRunning
	}
	return p.signal(sig)
}

func truncate(s string, n int) string { return s[:min(len(s), n)] }
