package keeper

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

var (
	workloadDescs []*prometheus.Desc

	descFailing   = workloadDesc("bulkhead_workload_failing", "1 while the workload's new connections are refused (closed) or bypass the mesh in plaintext (passthrough), as onFailure says.", "action")
	descOpened    = workloadDesc("bulkhead_connections_opened_total", "Connections that began.")
	descClosed    = workloadDesc("bulkhead_connections_closed_total", "Connections that ended.")
	descFailed    = workloadDesc("bulkhead_connections_failed_total", "Connections that ended with an error.")
	descSent      = workloadDesc("bulkhead_sent_bytes_total", "Bytes towards the destination.")
	descReceived  = workloadDesc("bulkhead_received_bytes_total", "Bytes back from the destination.")
	descPanics    = workloadDesc("bulkhead_panics_total", "Panics recovered in connections.")
	descDryRun    = workloadDesc("bulkhead_policy_dry_run_total", "Connections on which policies of dry run would have decided differently.")
	descRetries   = workloadDesc("bulkhead_connect_retries_total", "Connects that were tried at another endpoint because one failed.")
	descSetAside  = workloadDesc("bulkhead_endpoints_set_aside_total", "Times that the workload set an endpoint aside because connects to it kept failing.")
	descAside     = workloadDesc("bulkhead_endpoints_aside", "Endpoints that it has set aside now.")
	descUpgrades  = workloadDesc("bulkhead_quic_upgrades_total", "Tunnels to peers that went over from HTTP/2 to QUIC.")
	descLosses    = workloadDesc("bulkhead_quic_fallbacks_total", "Tunnels over QUIC that were lost, and tries at one that failed, so that the next connections to the peer go over HTTP/2.", "reason")
	descRefused   = workloadDesc("bulkhead_budget_refused_total", "Connections, tunnels, streams and dials refused because the workload's budget was used up.", "resource")
	descWaited    = workloadDesc("bulkhead_budget_waited_total", "Those that waited for the budget.", "resource")
	descUsed      = workloadDesc("bulkhead_budget_used", "What the workload uses of its budget now; bytes are those that are buffered, memory is an estimate of what all of it occupies in the cell.", "resource")
	descLimit     = workloadDesc("bulkhead_budget_limit", "What it may use; nothing for memory, of which there is one wall for the cell.", "resource")
	descShare     = workloadDesc("bulkhead_workload_cpu_seconds_total", "The workload's part of its cell's CPU time: all of it in a cell of its own, and else shared out by connections, handshakes and bytes, an estimate.")
	descJudged    = workloadDesc("bulkhead_policy_generation_info", "1; the label is the generation of the policies that the workload is judged by, a hash of them; another: neither that of the mesh nor the one before. Absent while no process judges.", "generation")
	descBehind    = workloadDesc("bulkhead_policy_behind_seconds", "How long the workload has been judged by other policies than those of the mesh; 0: it is not.")
	descQueue     = workloadDesc("bulkhead_queue_seconds", "How long accepted connections and tunnels waited for the workload's budget.")
	descHandshake = workloadDesc("bulkhead_handshake_seconds", "How long TLS with peers took, with the wait for its turn, failed ones included.")
	descConnect   = workloadDesc("bulkhead_connect_seconds", "How long it took from an accepted connection to one that carries bytes.")
)

func workloadDesc(name, help string, more ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, append([]string{"cell", "workload"}, more...), nil)
	workloadDescs = append(workloadDescs, d)
	return d
}

// workloadMetrics are those of one workload in one cell.
func (k *Keeper) workloadMetrics(g *gathered, c *keptCell, uid string, n telemetry.Counts) {
	if p := c.pods[uid]; p != nil && p.failing.action != "" {
		g.gauge(descFailing, 1, c.group, uid, string(p.failing.action))
	}
	for _, m := range []struct {
		desc  *prometheus.Desc
		value uint64
	}{
		{descOpened, n.Opened}, {descClosed, n.Closed}, {descFailed, n.Failed},
		{descSent, n.Sent}, {descReceived, n.Received}, {descPanics, n.Panics},
		{descDryRun, n.DryRun}, {descRetries, n.Retries}, {descSetAside, n.SetAside},
		{descUpgrades, n.Upgrades},
	} {
		g.counter(m.desc, float64(m.value), c.group, uid)
	}
	for l := tunnel.Kept + 1; l < tunnel.Losses; l++ {
		g.counter(descLosses, float64(n.Losses[l]), c.group, uid, l.String())
	}
	if x, p := c.current, c.pods[uid]; p != nil && x != nil && x.views[uid] != "" {
		g.gauge(descJudged, 1, c.group, uid, p.policies.shown(x.views[uid]))
	}
	g.gauge(descBehind, k.behind.of(uid, time.Now()).Seconds(), c.group, uid)
	g.gauge(descAside, float64(n.Aside), c.group, uid)
	*g = append(*g, istio.Histogram(descQueue, n.Queue, c.group, uid), istio.Histogram(descHandshake, n.Handshake, c.group, uid), istio.Histogram(descConnect, n.Connect, c.group, uid))
	k.budgetMetrics(g, c.group, uid, n.Budget)
}

func (k *Keeper) budgetMetrics(g *gathered, group, uid string, n budget.Counts) {
	for _, r := range budget.Resources() {
		g.counter(descRefused, float64(n.Refused[r]), group, uid, r.String())
		g.counter(descWaited, float64(n.Waited[r]), group, uid, r.String())
	}
	limits := k.config.Budgets.For(uid)
	for _, r := range budget.Gauged() {
		g.gauge(descUsed, float64(n.Used[r]), group, uid, r.String())
		if limits != nil && r != budget.Memory {
			g.gauge(descLimit, float64(limits.Of(r)), group, uid, r.String())
		}
	}
}
