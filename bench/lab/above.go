package lab

// Keepers are the keepers of all nodes; empty where the data plane has none.
func (l *Lab) Keepers() ([]Proc, error) { return l.above(RoleKeeper, "") }

// Anchor is the anchor of a pod's node; empty where the data plane has none.
func (l *Lab) Anchor(pod string) ([]Proc, error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return nil, l.unknownPod(pod)
	}
	return l.above(RoleAnchor, p.Node)
}

// above finds the processes of one role on a node, or on all.
func (l *Lab) above(role, node string) ([]Proc, error) {
	d := l.dataPlane()
	if d == nil || !d.subject.OnNode() {
		return nil, nil
	}
	t, err := readTree()
	if err != nil {
		return nil, at("processes", role, err)
	}
	var found []Proc
	for _, c := range d.containers {
		if node != "" && c.name != node {
			continue
		}
		for _, b := range t.below(c.pid()) {
			if p := l.describe(c, b); p.Role == role {
				found = append(found, p)
			}
		}
	}
	return found, nil
}
