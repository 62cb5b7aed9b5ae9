package sidecar

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// collector has a keeper's metrics of a workload, with its names and labels. A sidecar that
// dies takes its counts along: nobody outlives it to keep them.
type collector struct{ sidecar *Sidecar }

var (
	descs []*prometheus.Desc

	opened    = ofWorkload("bulkhead_connections_opened_total", "Connections that began.")
	closed    = ofWorkload("bulkhead_connections_closed_total", "Connections that ended.")
	failed    = ofWorkload("bulkhead_connections_failed_total", "Connections that ended with an error.")
	sent      = ofWorkload("bulkhead_sent_bytes_total", "Bytes towards the destination.")
	received  = ofWorkload("bulkhead_received_bytes_total", "Bytes back from the destination.")
	panics    = ofWorkload("bulkhead_panics_total", "Panics recovered in connections.")
	dryRun    = ofWorkload("bulkhead_policy_dry_run_total", "Connections on which policies of dry run would have decided differently.")
	retries   = ofWorkload("bulkhead_connect_retries_total", "Connects that were tried at another endpoint because one failed.")
	setAside  = ofWorkload("bulkhead_endpoints_set_aside_total", "Times that the workload set an endpoint aside because connects to it kept failing.")
	aside     = ofWorkload("bulkhead_endpoints_aside", "Endpoints that it has set aside now.")
	over      = ofWorkload("bulkhead_quic_upgrades_total", "Tunnels to peers that went over from HTTP/2 to QUIC.")
	back      = ofWorkload("bulkhead_quic_fallbacks_total", "Tunnels over QUIC that were lost, and tries at one that failed, so that the next connections to the peer go over HTTP/2.", "reason")
	refused   = ofWorkload("bulkhead_budget_refused_total", "Connections, tunnels, streams and dials refused because the workload's budget was used up.", "resource")
	waited    = ofWorkload("bulkhead_budget_waited_total", "Those that waited for the budget.", "resource")
	used      = ofWorkload("bulkhead_budget_used", "What the workload uses of its budget now; bytes are those that are buffered, memory is an estimate of what all of it occupies in the cell.", "resource")
	queue     = ofWorkload("bulkhead_queue_seconds", "How long accepted connections and tunnels waited for the workload's budget.")
	handshake = ofWorkload("bulkhead_handshake_seconds", "How long TLS with peers took, with the wait for its turn, failed ones included.")
	connect   = ofWorkload("bulkhead_connect_seconds", "How long it took from an accepted connection to one that carries bytes.")
	up        = ofCell("bulkhead_cell_up", "1 while the cell answers pings.")
	restarts  = ofCell("bulkhead_cell_restarts_total", "Starts after an end that nobody had ordered.")
	lost      = ofCell("bulkhead_cell_access_lines_dropped", "Access lines the running process dropped because its log was stuck.")
	left      = ofCell("bulkhead_svid_seconds_left", "How long the SVID of an identity is still valid; below 0: it has expired, and its workloads are refused.", "identity")
)

func ofCell(name, help string, more ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, append([]string{"cell"}, more...), nil)
	descs = append(descs, d)
	return d
}

func ofWorkload(name, help string, more ...string) *prometheus.Desc {
	return ofCell(name, help, append([]string{"workload"}, more...)...)
}

// Describe implements prometheus.Collector.
func (*collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs {
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
	own := s.workload().Identity
	s.mu.Lock()
	n, dropped, lives, held := s.counts, s.dropped, s.lives, s.held(own)
	s.mu.Unlock()
	of := scrape{ch, []string{s.name()}}
	of.gauge(up, alive)
	of.counter(restarts, uint64(lives.Restarts))
	of.gauge(lost, float64(dropped))
	for id, end := range held {
		of.gauge(left, time.Until(end).Seconds(), id.String())
	}
	of.labels = append(of.labels, s.uid)
	of.workload(n)
}

// scrape sends metrics that have labels in common.
type scrape struct {
	ch     chan<- prometheus.Metric
	labels []string
}

func (s scrape) with(more []string) []string {
	return append(s.labels[:len(s.labels):len(s.labels)], more...)
}

func (s scrape) counter(d *prometheus.Desc, v uint64, more ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), s.with(more)...)
}

func (s scrape) gauge(d *prometheus.Desc, v float64, more ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.with(more)...)
}

func (s scrape) workload(n telemetry.Counts) {
	for _, m := range []struct {
		desc  *prometheus.Desc
		value uint64
	}{
		{opened, n.Opened}, {closed, n.Closed}, {failed, n.Failed}, {sent, n.Sent}, {received, n.Received}, {panics, n.Panics},
		{dryRun, n.DryRun}, {retries, n.Retries}, {setAside, n.SetAside}, {over, n.Upgrades},
	} {
		s.counter(m.desc, m.value)
	}
	s.gauge(aside, float64(n.Aside))
	for l := tunnel.Kept + 1; l < tunnel.Losses; l++ {
		s.counter(back, n.Losses[l], l.String())
	}
	for _, r := range budget.Resources() {
		s.counter(refused, n.Budget.Refused[r], r.String())
		s.counter(waited, n.Budget.Waited[r], r.String())
	}
	for _, r := range budget.Gauged() {
		s.gauge(used, float64(n.Budget.Used[r]), r.String())
	}
	s.ch <- istio.Histogram(queue, n.Queue, s.labels...)
	s.ch <- istio.Histogram(handshake, n.Handshake, s.labels...)
	s.ch <- istio.Histogram(connect, n.Connect, s.labels...)
}
