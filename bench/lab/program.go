package lab

import (
	"errors"
	"os"
	"strings"
)

// cellProgram is where a node's keeper, or a pod's kubelet, finds the data plane's
// executable: a link in the run directory, so that another can be put there.
func (l *Lab) cellProgram(owner string) string {
	return l.path("cell-" + strings.ReplaceAll(owner, "/", "_"))
}

// linkCell makes the link, unless it is there: what Swap put there stays.
func (l *Lab) linkCell(owner string) (string, error) {
	path := l.cellProgram(owner)
	err := os.Symlink(l.dataPlaneOf(owner), path)
	if errors.Is(err, os.ErrExist) {
		err = nil
	}
	return path, at("program", owner, err)
}

// dataPlaneOf is the true executable: a node has cells, a pod its sidecar.
func (l *Lab) dataPlaneOf(owner string) string {
	if _, pod := l.topology.Pod(owner); pod {
		return l.bin("bulkhead-sidecar")
	}
	return l.bin("bulkhead-cell")
}

// Swap has the next process that is started to serve a pod be another program; an empty
// path is the true one again. On a node it is that of every cell that is started then.
func (l *Lab) Swap(pod, program string) error {
	owner, err := l.containerOf(pod)
	if err != nil {
		return err
	}
	if program == "" {
		program = l.dataPlaneOf(owner)
	}
	path := l.cellProgram(owner)
	if err := os.Symlink(program, path+".new"); err != nil {
		return at("program", owner, err)
	}
	return at("program", owner, os.Rename(path+".new", path)) // at no moment is there none
}

// LogOf is the file of the output of the container that serves a pod.
func (l *Lab) LogOf(pod string) (string, error) {
	owner, err := l.containerOf(pod)
	if err != nil {
		return "", err
	}
	if owner == pod {
		owner = "sidecar " + pod
	}
	return l.logFile(owner), nil
}

// containerOf is the node whose proxy serves a pod, or the pod itself.
func (l *Lab) containerOf(pod string) (string, error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return "", l.unknownPod(pod)
	}
	d := l.dataPlane()
	switch {
	case d == nil:
		return "", at("program", pod, errors.New("no data plane is placed"))
	case d.subject.OnNode():
		return p.Node, nil
	}
	return pod, nil
}
