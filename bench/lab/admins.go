package lab

// AdminSockets are those that an operator would ask about what is placed now: of each
// node's keeper, or of each pod's sidecar. Empty where nothing is.
func (l *Lab) AdminSockets() (paths []string) {
	d := l.dataPlane()
	switch {
	case d == nil:
	case d.subject.OnNode():
		for _, n := range l.topology.Nodes {
			paths = append(paths, l.adminSocket(n))
		}
	}
	return paths
}
