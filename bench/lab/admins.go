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
	default:
		for _, p := range l.topology.Pods {
			paths = append(paths, l.sidecarSocket(p))
		}
	}
	return paths
}

// sidecarSocket is that of the sidecar in a pod.
func (l *Lab) sidecarSocket(p Pod) string { return l.podFile(p.Name(), "admin.sock") }
