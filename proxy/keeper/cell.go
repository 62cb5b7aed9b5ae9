package keeper

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

type cellState string

const (
	cellNone     cellState = "none"     // not started yet
	cellUp       cellState = "up"       // its process runs
	cellBackoff  cellState = "backoff"  // it died and waits for its restart
	cellStopping cellState = "stopping" // its last pod is gone
)

// aliveLongEnough ends a crash loop: a cell that lived this long starts over with
// the first restart delay.
const aliveLongEnough = time.Minute

// keptCell is one group and the process that serves it. The loop owns it, except for
// what served guards: the reader asks it with every message.
type keptCell struct {
	group      string
	generation int // of processes; part of the process's name
	restarts   int // deaths so far
	uid        int
	state      cellState
	pid        int
	since      time.Time
	delay      time.Duration // the last restart delay, 0 when none
	out        *outbox
	pinged     int // pings without pong
	ping       uint64
	before     map[string]telemetry.Counts // counted by earlier processes, by workload
	now        map[string]telemetry.Counts // last pong of this one
	lost       uint64                      // access lines dropped
	walls      enclosure
	fault      standing

	pushed pushes // by all processes that the cell had

	mu   sync.Mutex
	pods map[string]*pod
}

func (k *Keeper) newCell(group string) *keptCell {
	return &keptCell{
		group: group, state: cellNone, since: time.Now(), uid: k.freeUID(),
		pods: map[string]*pod{}, before: map[string]telemetry.Counts{}, now: map[string]telemetry.Counts{},
	}
}

// freeUID picks the lowest uid that no cell has; 0 when uids are not configured,
// and the last of the range when it is used up: then cells share one.
func (k *Keeper) freeUID() int {
	if k.config.UIDs == nil {
		return 0
	}
	taken := map[int]bool{}
	for _, c := range k.cells {
		taken[c.uid] = true
	}
	first, last := k.config.UIDs.First, k.config.UIDs.First+k.config.UIDs.Count-1
	for uid := first; uid < last; uid++ {
		if !taken[uid] {
			return uid
		}
	}
	return last
}

// name is the process's name in the anchor; generations tell processes apart.
func (c *keptCell) name() string { return fmt.Sprintf("%s#%d", c.group, c.generation) }

func (c *keptCell) addPod(p *pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pods[p.UID] = p
}

// serves says whether the cell may act for a workload (asked by its reader).
func (c *keptCell) serves(uid string) (*pod, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.pods[uid]
	return p, ok
}

func (c *keptCell) snapshotPods() []*pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*pod, 0, len(c.pods))
	for _, p := range c.pods {
		out = append(out, p)
	}
	return out
}

// cellLabel is what the next keeper has to know of a process and its channel.
type cellLabel struct {
	Group      string `json:"group"`
	Generation int    `json:"generation"`
	Restarts   int    `json:"restarts"`
	UID        int    `json:"uid"`
}

func (c *keptCell) label() ([]byte, error) {
	return json.Marshal(cellLabel{c.group, c.generation, c.restarts, c.uid})
}

func (c *keptCell) removePod(p *pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pods, p.UID)
}
