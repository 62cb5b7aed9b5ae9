package lab

// Containers are the first processes of all containers of the data plane on a pod's
// node: the anchor of a node's proxy, or each pod's sidecar. What they started ends with
// them. Empty where the pod has no data plane.
func (l *Lab) Containers(pod string) ([]Proc, error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return nil, l.unknownPod(pod)
	}
	d := l.dataPlane()
	if d == nil {
		return nil, nil
	}
	role := RoleSidecar
	if d.subject.OnNode() {
		role = RoleAnchor
	}
	var found []Proc
	for _, c := range d.containers {
		if pid := c.pid(); c.node == p.Node && pid != 0 {
			found = append(found, Proc{PID: pid, Role: role, Name: c.name, Node: c.node})
		}
	}
	return found, nil
}
