package keeper

import "github.com/prometheus/client_golang/prometheus"

// What Istio's dashboards call a proxy, one pod's in ztunnel, is a duty: a process that serves
// a pod. It has two while it moves from one process to another.
var (
	proxyDescs  = []*prometheus.Desc{descActive, descPending, descStarted, descStopped}
	descActive  = prometheus.NewDesc("workload_manager_active_proxy_count", "Pods that a process of this node serves.", nil, nil)
	descPending = prometheus.NewDesc("workload_manager_pending_proxy_count", "Pods that one shall serve, and none does.", nil, nil)
	descStarted = prometheus.NewDesc("workload_manager_proxies_started_total", "Times that a process began to serve a pod, or that this keeper found one that does.", nil, nil)
	descStopped = prometheus.NewDesc("workload_manager_proxies_stopped_total", "Times that one of these has ended to serve a pod, with all that drained.", nil, nil)
)

// proxies counts the duties that have been ready.
type proxies struct{ started, stopped int }

func (c *proxies) begin(d *duty) {
	if !d.began {
		d.began = true
		c.started++
	}
}

func (c *proxies) end(d *duty) {
	if d.began {
		c.stopped++
	}
}

// proxyMetrics leave out pods that no process of the node shall serve.
func (k *Keeper) proxyMetrics(g *gathered) {
	active, pending := 0, 0
	for _, p := range k.pods {
		switch {
		case p.isServed():
			active++
		case !p.drained && !p.placed.outside():
			pending++
		}
	}
	g.gauge(descActive, float64(active))
	g.gauge(descPending, float64(pending))
	g.counter(descStarted, float64(k.proxies.started))
	g.counter(descStopped, float64(k.proxies.stopped))
}
