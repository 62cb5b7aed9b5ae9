package lab

// MemoryLimit is that of what serves a pod, in bytes; 0 where nothing limits it, and
// where nothing serves it.
func (l *Lab) MemoryLimit(pod string) (int64, error) {
	procs, err := l.DataPlane(pod)
	if err != nil || len(procs) == 0 {
		return 0, err
	}
	group, err := l.groups.holding(procs[0].PID, "memory")
	if err != nil || group == nil {
		return 0, at("memory limit", pod, err)
	}
	n, err := group.MemoryLimit()
	return n, at("memory limit", pod, err)
}
