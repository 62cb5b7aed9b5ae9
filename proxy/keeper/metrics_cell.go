package keeper

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	cellLabels = []string{"cell"}
	cellDescs  []*prometheus.Desc

	descUp        = cellDesc("bulkhead_cell_up", "1 while the cell's process runs.")
	descRestarts  = cellDesc("bulkhead_cell_restarts_total", "Deaths of the cell's processes.")
	descLooping   = cellDesc("bulkhead_cell_crash_looping", "1 while the cell dies again and again, soon after each start.")
	descWorkloads = cellDesc("bulkhead_cell_workloads", "Workloads that share the cell.")
	descOOM       = cellDesc("bulkhead_cell_oom_kills_total", "Processes of the cell that ended at its memory wall.")
	descLost      = cellDesc("bulkhead_cell_access_lines_dropped", "Access lines the running process dropped because its log was stuck.")
	descPushes    = cellDesc("bulkhead_cell_pushed_messages_total", "Messages to the cell because the mesh or its pods changed.")
	descPushed    = cellDesc("bulkhead_cell_pushed_bytes_total", "Bytes of those messages.")
	descHeard     = cellDesc("bulkhead_cell_messages_total", "Messages of the cell.")
	descCPU       = cellDesc("bulkhead_cell_cpu_seconds_total", "CPU time of the cell's group, by the kernel; absent without cgroups.")
	descMemory    = cellDesc("bulkhead_cell_memory_bytes", "Memory of the cell's group, by the kernel; absent without cgroups.")
	descKeys      = cellDesc("bulkhead_cell_identities", "Identities whose private key the cell's process has, or had: workloads that it serves or has served.")
	descSVID      = cellDesc("bulkhead_svid_seconds_left", "How long the SVID of an identity is still valid; below 0: it has expired, and its workloads are refused.", "identity")
	descHeld      = cellDesc("bulkhead_cell_messages_waited_total", "Messages of the cell that waited because it says too much.")
)

func cellDesc(name, help string, more ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, append(cellLabels, more...), nil)
	cellDescs = append(cellDescs, d)
	return d
}

// metrics are those of the cell as a whole.
func (c *keptCell) metrics(g *gathered) {
	var lost uint64
	for _, x := range c.processes() {
		lost += x.lost
	}
	g.flag(descUp, c.state == cellUp, c.group)
	g.counter(descRestarts, float64(c.deaths.Restarts), c.group)
	g.flag(descLooping, c.looping(), c.group)
	g.gauge(descWorkloads, float64(len(c.pods)), c.group)
	g.counter(descOOM, float64(c.walls.oomKills), c.group)
	g.gauge(descLost, float64(lost), c.group)
	g.counter(descPushes, float64(c.pushed.messages.Load()), c.group)
	g.counter(descPushed, float64(c.pushed.bytes.Load()), c.group)
	g.counter(descHeard, float64(c.heard.messages.Load()), c.group)
	g.counter(descHeld, float64(c.heard.held.Load()), c.group)
}

// svidMetrics are those of what the newest process says that it holds. One that drains may
// hold older SVIDs, which no new peer gets to see.
func (k *Keeper) svidMetrics(g *gathered, c *keptCell) {
	if c.current == nil {
		return
	}
	g.gauge(descKeys, float64(len(c.current.svids)), c.group)
	for id, end := range k.held(c.current) {
		if !end.IsZero() { // it has none yet
			g.gauge(descSVID, time.Until(end).Seconds(), c.group, id.String())
		}
	}
}
