package keeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// collector reads the keeper's state at every scrape. Counters are those of all
// processes that a cell had: a crash never looks like a reset to zero.
type collector struct{ keeper *Keeper }

var (
	cellLabels     = []string{"cell"}
	workloadLabels = []string{"cell", "workload"}
	budgetLabels   = []string{"cell", "workload", "resource"}

	descMended    = prometheus.NewDesc("bulkhead_listeners_recreated_total", "Listening sockets of pods that were damaged and made anew by this keeper.", nil, nil)
	descRecapture = prometheus.NewDesc("bulkhead_capture_repairs_total", "Rules of pods that somebody else had changed and that were put back.", nil, nil)
	descUp        = prometheus.NewDesc("bulkhead_cell_up", "1 while the cell's process runs.", cellLabels, nil)
	descRestarts  = prometheus.NewDesc("bulkhead_cell_restarts_total", "Deaths of the cell's processes.", cellLabels, nil)
	descLooping   = prometheus.NewDesc("bulkhead_cell_crash_looping", "1 while the cell dies again and again, soon after each start.", cellLabels, nil)
	descFailing   = prometheus.NewDesc("bulkhead_workload_failing", "1 while the workload's new connections are refused (closed) or bypass the mesh in plaintext (passthrough), as onFailure says.", []string{"cell", "workload", "action"}, nil)
	descWorkloads = prometheus.NewDesc("bulkhead_cell_workloads", "Workloads that share the cell.", cellLabels, nil)
	descOOM       = prometheus.NewDesc("bulkhead_cell_oom_kills_total", "Processes of the cell that ended at its memory wall.", cellLabels, nil)
	descLost      = prometheus.NewDesc("bulkhead_cell_access_lines_dropped", "Access lines the running process dropped because its log was stuck.", cellLabels, nil)
	descPushes    = prometheus.NewDesc("bulkhead_cell_pushed_messages_total", "Messages to the cell because the mesh or its pods changed.", cellLabels, nil)
	descPushed    = prometheus.NewDesc("bulkhead_cell_pushed_bytes_total", "Bytes of those messages.", cellLabels, nil)
	descHeld      = prometheus.NewDesc("bulkhead_cell_messages_waited_total", "Messages of the cell that waited because it says too much.", cellLabels, nil)
	descOpened    = prometheus.NewDesc("bulkhead_connections_opened_total", "Connections that began.", workloadLabels, nil)
	descClosed    = prometheus.NewDesc("bulkhead_connections_closed_total", "Connections that ended.", workloadLabels, nil)
	descFailed    = prometheus.NewDesc("bulkhead_connections_failed_total", "Connections that ended with an error.", workloadLabels, nil)
	descSent      = prometheus.NewDesc("bulkhead_sent_bytes_total", "Bytes towards the destination, of connections that ended.", workloadLabels, nil)
	descReceived  = prometheus.NewDesc("bulkhead_received_bytes_total", "Bytes back from the destination, of connections that ended.", workloadLabels, nil)
	descRefused   = prometheus.NewDesc("bulkhead_budget_refused_total", "Connections, tunnels, streams and dials refused because the workload's budget was used up.", budgetLabels, nil)
	descWaited    = prometheus.NewDesc("bulkhead_budget_waited_total", "Those that waited for the budget.", budgetLabels, nil)
	descPanics    = prometheus.NewDesc("bulkhead_panics_total", "Panics recovered in connections.", workloadLabels, nil)
)

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descMended, descRecapture, descUp, descRestarts, descLooping, descFailing, descWorkloads, descOOM, descLost, descPushes, descPushed, descHeld, descOpened, descClosed, descFailed, descSent, descReceived, descPanics, descRefused, descWaited} {
		ch <- d
	}
}

// Collect gathers on the loop and sends afterwards, so that a slow scraper does
// not hold the keeper.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	var out []prometheus.Metric
	c.keeper.do(func() {
		out = append(out, prometheus.MustNewConstMetric(descMended, prometheus.CounterValue, float64(c.keeper.listeners.mended)))
		out = append(out, prometheus.MustNewConstMetric(descRecapture, prometheus.CounterValue, float64(c.keeper.recaptured.Load())))
		for _, x := range c.keeper.cells {
			if x.outside() {
				continue // it counts for itself
			}
			out = append(out, x.metrics()...)
		}
	})
	for _, m := range out {
		ch <- m
	}
}

func (c *keptCell) metrics() []prometheus.Metric {
	up := 0.0
	if c.state == cellUp {
		up = 1
	}
	looping := 0.0
	if c.looping() {
		looping = 1
	}
	var lost uint64
	for _, x := range c.processes() {
		lost += x.lost
	}
	out := []prometheus.Metric{
		prometheus.MustNewConstMetric(descUp, prometheus.GaugeValue, up, c.group),
		prometheus.MustNewConstMetric(descRestarts, prometheus.CounterValue, float64(c.deaths.Restarts), c.group),
		prometheus.MustNewConstMetric(descLooping, prometheus.GaugeValue, looping, c.group),
		prometheus.MustNewConstMetric(descWorkloads, prometheus.GaugeValue, float64(len(c.pods)), c.group),
		prometheus.MustNewConstMetric(descOOM, prometheus.CounterValue, float64(c.walls.oomKills), c.group),
		prometheus.MustNewConstMetric(descLost, prometheus.GaugeValue, float64(lost), c.group),
		prometheus.MustNewConstMetric(descPushes, prometheus.CounterValue, float64(c.pushed.messages.Load()), c.group),
		prometheus.MustNewConstMetric(descPushed, prometheus.CounterValue, float64(c.pushed.bytes.Load()), c.group),
		prometheus.MustNewConstMetric(descHeld, prometheus.CounterValue, float64(c.heard.held.Load()), c.group),
	}
	for uid, p := range c.pods {
		if a := p.failing.action; a != "" {
			out = append(out, prometheus.MustNewConstMetric(descFailing, prometheus.GaugeValue, 1, c.group, uid, string(a)))
		}
	}
	for _, uid := range c.workloads() {
		out = append(out, workloadMetrics(c.group, uid, c.counts(uid))...)
	}
	return out
}

func workloadMetrics(group, uid string, n telemetry.Counts) []prometheus.Metric {
	counter := func(d *prometheus.Desc, v uint64) prometheus.Metric {
		return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), group, uid)
	}
	out := []prometheus.Metric{
		counter(descOpened, n.Opened), counter(descClosed, n.Closed), counter(descFailed, n.Failed),
		counter(descSent, n.Sent), counter(descReceived, n.Received), counter(descPanics, n.Panics),
	}
	for _, r := range budget.Resources() {
		out = append(out,
			prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(n.Budget.Refused[r]), group, uid, r.String()),
			prometheus.MustNewConstMetric(descWaited, prometheus.CounterValue, float64(n.Budget.Waited[r]), group, uid, r.String()))
	}
	return out
}
