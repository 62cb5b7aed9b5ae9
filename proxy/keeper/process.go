package keeper

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
)

// process is one process of a cell, from its start to its exit. The loop owns it,
// except for pods: the reader asks that with every message.
type process struct {
	cell       *keptCell
	generation int // tells the processes of a cell apart
	pid, uid   int
	since      time.Time
	out        *outbox
	pinged     int // pings without pong
	ping       uint64
	now        map[string]telemetry.Counts // last pong, by workload
	svids      map[identity.ID]time.Time   // when those end that it says it holds
	views      map[string]string           // last pong's generations of policies in force, by workload
	series     *istio.Account
	unread     []map[string][]telemetry.Tally // of pongs before there was a mesh
	lost       uint64                         // access lines dropped
	stopping   bool                           // told to end
	killed     string                         // why the keeper killed it; empty: it did not
	until      time.Time                      // when it must have, then
	foreign    bool                           // of another protocol version: not spoken with
	datagrams  bool                           // its jail lets it speak QUIC
	migrates   bool                           // it has peers go on from another address

	waiting atomic.Bool // its reader waits for the loop, with something that the process has said

	asked  asked
	issued issued

	mu   sync.Mutex
	pods map[string]*pod // that it may act for: from its Serve to the end of their drain
}

// newProcess is the next generation of a cell, not started yet.
func (k *Keeper) newProcess(c *keptCell) *process {
	c.generation++
	return &process{
		cell: c, generation: c.generation, uid: k.freeUID(), since: time.Now(), datagrams: k.config.Tunnels.QUIC.On, migrates: k.config.Tunnels.Migrate.On,
		pods: map[string]*pod{}, now: map[string]telemetry.Counts{}, views: map[string]string{}, series: k.series.Account(),
	}
}

// freeUID picks the lowest uid that no process has; 0 when uids are not configured,
// and the last of the range when it is used up: then processes share one.
func (k *Keeper) freeUID() int {
	if k.config.UIDs == nil {
		return 0
	}
	taken := map[int]bool{}
	for _, x := range k.processes {
		taken[x.uid] = true
	}
	first, last := k.config.UIDs.First, k.config.UIDs.First+k.config.UIDs.Count-1
	for uid := first; uid < last; uid++ {
		if !taken[uid] {
			return uid
		}
	}
	return last
}

// name is the process's name in the anchor.
func (x *process) name() string { return fmt.Sprintf("%s#%d", x.cell.group, x.generation) }

// serves says whether the process may act for a workload (asked by its reader).
func (x *process) serves(uid string) (*pod, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p, ok := x.pods[uid]
	return p, ok
}

func (x *process) snapshot() map[string]*pod {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.pods)
}

// processLabel is what the next keeper has to know of a process and its channel.
type processLabel struct {
	Group      string `json:"group"`
	Generation int    `json:"generation"`
	UID        int    `json:"uid"`
	Since      int64  `json:"since"`   // its start, of CLOCK_MONOTONIC
	Version    int    `json:"version"` // of the channel's protocol
	Datagrams  bool   `json:"datagrams,omitempty"`
	Migrates   bool   `json:"migrates,omitempty"`
}

func (x *process) label() ([]byte, error) {
	return json.Marshal(processLabel{x.cell.group, x.generation, x.uid, monotonic(), cell.ProtocolVersion, x.datagrams, x.migrates})
}
