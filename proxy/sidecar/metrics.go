package sidecar

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// collector has a keeper's metrics of a workload, with its names and labels. A sidecar that
// dies takes its counts along: nobody outlives it to keep them.
type collector struct{ sidecar *Sidecar }

var (
	labels  = []string{"cell", "workload"}
	spent   = append(labels[:2:2], "resource")
	opened  = prometheus.NewDesc("bulkhead_connections_opened_total", "Connections that began.", labels, nil)
	closed  = prometheus.NewDesc("bulkhead_connections_closed_total", "Connections that ended.", labels, nil)
	failed  = prometheus.NewDesc("bulkhead_connections_failed_total", "Connections that ended with an error.", labels, nil)
	panics  = prometheus.NewDesc("bulkhead_panics_total", "Panics recovered in connections.", labels, nil)
	refused = prometheus.NewDesc("bulkhead_budget_refused_total", "Connections, tunnels, streams and dials refused because the workload's budget was used up.", spent, nil)
	waited  = prometheus.NewDesc("bulkhead_budget_waited_total", "Those that waited for the budget.", spent, nil)
	over    = prometheus.NewDesc("bulkhead_quic_upgrades_total", "Tunnels to peers that went over from HTTP/2 to QUIC.", labels, nil)
	back    = prometheus.NewDesc("bulkhead_quic_fallbacks_total", "Tunnels over QUIC that were lost, and tries at one that failed, so that the next connections to the peer go over HTTP/2.", append(labels[:2:2], "reason"), nil)
	up      = prometheus.NewDesc("bulkhead_cell_up", "1 while the cell answers pings.", labels[:1], nil)
	lost    = prometheus.NewDesc("bulkhead_cell_access_lines_dropped", "Access lines the running process dropped because its log was stuck.", labels[:1], nil)
)

// Describe implements prometheus.Collector.
func (*collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{opened, closed, failed, panics, refused, waited, over, back, up, lost} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.sidecar
	alive := 1.0
	if s.ping(context.Background()) != nil {
		alive = 0
	}
	s.mu.Lock()
	n, dropped := s.counts, s.dropped
	s.mu.Unlock()
	counter := func(d *prometheus.Desc, v uint64, more ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{s.name(), s.uid}, more...)...)
	}
	counter(opened, n.Opened)
	counter(closed, n.Closed)
	counter(failed, n.Failed)
	counter(panics, n.Panics)
	for _, r := range budget.Resources() {
		counter(refused, n.Budget.Refused[r], r.String())
		counter(waited, n.Budget.Waited[r], r.String())
	}
	counter(over, n.Upgrades)
	for l := tunnel.Kept + 1; l < tunnel.Losses; l++ {
		counter(back, n.Losses[l], l.String())
	}
	ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, alive, s.name())
	ch <- prometheus.MustNewConstMetric(lost, prometheus.GaugeValue, float64(dropped), s.name())
}
