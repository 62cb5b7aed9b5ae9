package cell

import (
	"math"
	"runtime/debug"
)

// apply makes the runtime collect harder as the heap comes near the new limit. It
// belongs to the process, so it is not an event for Run.
func (l *Limits) apply() {
	if l.Memory <= 0 {
		debug.SetMemoryLimit(math.MaxInt64)
		return
	}
	debug.SetMemoryLimit(l.Memory)
}
