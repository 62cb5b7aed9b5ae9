package keeper

import (
	"time"

	"golang.org/x/sys/unix"
)

// overdueAfter is how long after the drain's deadline a process may need to say that it
// is over, or to end.
const overdueAfter = 5 * time.Second

// stop tells a process to end: it drains.
func (k *Keeper) stop(x *process, why string) {
	x.stopping, x.until = true, k.deadline()
	k.kill(x, unix.SIGTERM, why)
}

// deadline is when what is told now to drain must have done so.
func (k *Keeper) deadline() time.Time {
	return time.Now().Add(time.Duration(k.config.Drain) + overdueAfter)
}

// checkDeadlines kills processes that do not let go of a pod, or do not end, when they
// must. A stranger's process would go on accepting the connections of a workload that was moved
// away from it, and one that got its SIGTERM too early has never heard it.
func (k *Keeper) checkDeadlines() {
	now := time.Now()
	for _, x := range k.processes {
		why := ""
		if x.stopping && now.After(x.until) {
			why = "it does not end"
		}
		for uid, p := range x.snapshot() {
			if d := p.duties[x]; d != nil && d.dropping && now.After(d.until) {
				why = "it does not let go of " + uid
				d.until = k.deadline() // the exit follows; do not kill it at every look
			}
		}
		if why != "" {
			x.until = k.deadline()
			k.kill(x, unix.SIGKILL, why)
		}
	}
}
