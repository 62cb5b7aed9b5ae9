package cell

// apply makes the runtime collect harder as the heap comes near the new limit. It
// belongs to the process, so it is not an event for Run.
func (l *Limits) apply() { collection.setMemoryLimit(l.Memory) }
