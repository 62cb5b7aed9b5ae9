package keeper

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
)

// metrics serves what cells have counted, and what the keeper knows of them.
func (k *Keeper) metrics() http.Handler {
	return istio.Handler(k.log, &collector{keeper: k}, k.series, &k.failures, istio.Standing(k.mesh.Standing), istio.Clock(func() identity.Dates { return k.signing.CA().Dates }))
}

// collector reads the keeper's state at every scrape. Counters are those of all
// processes that a cell had: a crash never looks like a reset to zero.
type collector struct{ keeper *Keeper }

// gathered are the metrics of one scrape.
type gathered []prometheus.Metric

func (g *gathered) counter(d *prometheus.Desc, v float64, labels ...string) {
	*g = append(*g, prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...))
}

func (g *gathered) gauge(d *prometheus.Desc, v float64, labels ...string) {
	*g = append(*g, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
}

// flag is a gauge of 1 or 0.
func (g *gathered) flag(d *prometheus.Desc, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	g.gauge(d, n, labels...)
}

var (
	descMended    = prometheus.NewDesc("bulkhead_listeners_recreated_total", "Listening sockets of pods that were damaged and made anew by this keeper.", nil, nil)
	descSpoiled   = prometheus.NewDesc("bulkhead_quic_given_up_total", "Pods that this keeper left without QUIC, since a process had damaged one of their UDP sockets.", nil, nil)
	descRecapture = prometheus.NewDesc("bulkhead_capture_repairs_total", "Rules of pods that somebody else had changed and that were put back.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, all := range [][]*prometheus.Desc{{descMended, descSpoiled, descRecapture, descFindings, descVerified, descTook}, proxyDescs, cellDescs, workloadDescs} {
		for _, d := range all {
			ch <- d
		}
	}
}

// Collect gathers on the loop and sends afterwards, so that a slow scraper does
// not hold the keeper.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	groups := map[string]*cgroup.Group{}
	c.keeper.do(func() {
		for name, x := range c.keeper.cells {
			if x.walls.group != nil {
				groups[name] = x.walls.group
			}
		}
	})
	used := usages(groups)
	var out gathered
	c.keeper.do(func() { c.keeper.gather(&out, used) })
	out = append(out, c.keeper.verified.metrics()...)
	for _, m := range out {
		ch <- m
	}
}

// gather is for the loop.
func (k *Keeper) gather(out *gathered, used map[string]usage) {
	out.counter(descMended, float64(k.listeners.mended))
	out.counter(descSpoiled, float64(k.spoiled))
	out.counter(descRecapture, float64(k.recaptured.Load()))
	k.proxyMetrics(out)
	for _, c := range k.cells {
		if c.outside() {
			continue // it counts for itself
		}
		c.metrics(out)
		k.svidMetrics(out, c)
		counts := map[string]telemetry.Counts{}
		for _, uid := range c.workloads() {
			counts[uid] = c.counts(uid)
			k.workloadMetrics(out, c, uid, counts[uid])
		}
		if u, ok := used[c.group]; ok {
			c.spent.look(u.cpu, counts)
			out.counter(descCPU, u.cpu.Seconds(), c.group)
			out.gauge(descMemory, float64(u.memory), c.group)
			for uid, cpu := range c.spent.of {
				out.counter(descShare, cpu.Seconds(), c.group, uid)
			}
		}
	}
}
