package keeper

import (
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

type cellState string

const (
	cellNone     cellState = "none"          // not started yet
	cellUp       cellState = "up"            // its newest process runs
	cellBackoff  cellState = "backoff"       // that died, and waits for its restart
	cellLooping  cellState = "crash-looping" // the same, and not for the first time: only shown
	cellStopping cellState = "stopping"      // its last pod is gone
)

// keptCell is one group: the pods that belong to it, and the processes that serve
// them. It has one process, and for a while more: when a successor takes over, the
// earlier ones end their connections. The loop owns it.
type keptCell struct {
	group      string
	generation int // of the newest process
	deaths     deaths
	death      *vitals.Death // the last that this keeper saw
	state      cellState
	since      time.Time
	current    *process        // the newest; nil while it is away
	draining   []*process      // earlier ones, oldest first
	pods       map[string]*pod // that belong to it, whoever serves them by now
	before     map[string]telemetry.Counts
	again      bool            // replace it once more when there is room
	successors []chan struct{} // closed when the newest process serves every pod
	walls      enclosure
	spent      spent
	pushed     pushes        // to all processes that the cell had
	heard      *hearing      // of all of them
	csrs       *rate.Limiter // of all of them; asked by their readers
}

func newCell(group string) *keptCell {
	return &keptCell{
		group: group, state: cellNone, since: time.Now(),
		pods: map[string]*pod{}, before: map[string]telemetry.Counts{}, heard: newHearing(), csrs: newCSRLimit(),
	}
}

// inPod says whether the cell's process starts inside the pod's namespace: only
// that of a group which can never have a second pod does.
func (c *keptCell) inPod() bool { return strings.HasPrefix(c.group, string(PerWorkload)+"/") }

// processes are all of the cell's, oldest first.
func (c *keptCell) processes() []*process {
	all := c.draining[:len(c.draining):len(c.draining)]
	if c.current != nil {
		all = append(all, c.current)
	}
	return all
}

// snapshotPods are the pods that belong to the cell.
func (c *keptCell) snapshotPods() []*pod {
	out := make([]*pod, 0, len(c.pods))
	for _, p := range c.pods {
		out = append(out, p)
	}
	return out
}

// tell queues a message for every process of the cell.
func (c *keptCell) tell(m *cell.Message) {
	for _, x := range c.processes() {
		x.tell(m)
	}
}

// pid is that of the newest process, 0 while it is away.
func (c *keptCell) pid() int {
	if c.current == nil {
		return 0
	}
	return c.current.pid
}

// uid is that of the newest process.
func (c *keptCell) uid() int {
	if c.current == nil {
		return 0
	}
	return c.current.uid
}

// counts is what all processes of the cell counted for a workload: a crash never
// looks like a reset to zero.
func (c *keptCell) counts(uid string) telemetry.Counts {
	n := c.before[uid]
	for _, x := range c.processes() {
		n = n.Add(x.now[uid])
	}
	return n
}

// workloads are those that the cell has counts of: its own, and those that left and
// still drain.
func (c *keptCell) workloads() []string {
	seen := map[string]bool{}
	for uid := range c.pods {
		seen[uid] = true
	}
	for _, x := range c.processes() {
		for uid := range x.snapshot() {
			seen[uid] = true
		}
	}
	out := make([]string, 0, len(seen))
	for uid := range seen {
		out = append(out, uid)
	}
	return out
}
