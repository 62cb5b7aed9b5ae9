package lab

import (
	"errors"
	"os"
)

// Intruder is a program that runs as a pod's application would.
type Intruder struct{ process *process }

// Infiltrate starts a program in a container of its own beside a pod's application, with
// the same network, the same kind of box and the same capabilities: whoever owns the
// application can start it there.
func (l *Lab) Infiltrate(pod, path string) (*Intruder, error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return nil, l.unknownPod(pod)
	}
	group, err := l.groups.of(p, "intruder", appWall)
	if err != nil {
		return nil, at("cgroup", pod, err)
	}
	name := "intruder " + pod
	if err := os.Remove(l.logFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) { // an earlier one's
		return nil, at("log", name, err)
	}
	c, err := l.start(l.inApplication(p, program{name: name, argv: []string{path}, group: group}))
	if err != nil {
		return nil, err
	}
	return &Intruder{c}, nil
}

// Trespass starts a program on the fabric, outside of every pod and node, by somebody whom
// nothing holds: with an address of the fabric, and root of the machine that it is on.
func (l *Lab) Trespass(path string) (*Intruder, error) {
	name := "trespasser"
	if err := os.Remove(l.logFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, at("log", name, err)
	}
	c, err := l.start(program{name: name, argv: []string{path}})
	if err != nil {
		return nil, err
	}
	return &Intruder{c}, nil
}

// Log is the file of its output.
func (i *Intruder) Log() string { return i.process.log }

// Stop kills it.
func (i *Intruder) Stop() { i.process.kill() }
