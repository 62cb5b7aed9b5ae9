package lab

import "fmt"

// StallLog has nobody read any more what the container says that serves a pod: on a node
// that is the node's proxy, with all its cells. The function that it returns has it read
// again.
func (l *Lab) StallLog(pod string) (note string, resume func() error, err error) {
	owner, err := l.containerOf(pod)
	if err != nil {
		return "", nil, err
	}
	c := l.dataPlane().serving[pod].current()
	if err := c.drain.stall(); err != nil {
		return "", nil, at("log", owner, err)
	}
	return fmt.Sprintf("nobody reads the log of %s (pid %d)", c.name, c.pid), func() error { return at("log", owner, c.drain.resume()) }, nil
}
