package istio

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

var (
	descOpened   = desc("istio_tcp_connections_opened_total", "Connections that began.")
	descClosed   = desc("istio_tcp_connections_closed_total", "Connections that ended.")
	descFailed   = desc("istio_tcp_connections_failed_total", "Connections that ended with an error.")
	descSent     = desc("istio_tcp_sent_bytes_total", "Bytes of answers: in Istio's metrics, sent is what the destination sends.")
	descReceived = desc("istio_tcp_received_bytes_total", "Bytes towards the destination.")

	descSockets = prometheus.NewDesc("istio_tcp_sockets_open", "Connections that are open now.", []string{"reporter"}, nil)
	descSeries  = prometheus.NewDesc("bulkhead_istio_series", "Label sets of the istio_tcp metrics, response_flags aside.", nil, nil)
	descExpired = prometheus.NewDesc("bulkhead_istio_series_expired_total", "Label sets that were forgotten because nothing happened in them.", nil, nil)
	descSpilled = prometheus.NewDesc("bulkhead_istio_series_overflowed_total", "Times that there was no room for a label set and its growth was counted in an overflow series.", nil, nil)
)

func desc(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, names, nil) }

// Describe implements prometheus.Collector.
func (l *Ledger) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descOpened, descClosed, descFailed, descSent, descReceived, descSockets, descSeries, descExpired, descSpilled} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It copies first, so that a slow scraper holds
// nobody.
func (l *Ledger) Collect(ch chan<- prometheus.Metric) {
	entries, expired, spilled := l.snapshot()
	open := map[string]uint64{"source": 0, "destination": 0}
	for k, n := range entries {
		open[k.reporter] += n.Open()
		for _, m := range k.metrics(n) {
			ch <- m
		}
	}
	for reporter, n := range open {
		ch <- prometheus.MustNewConstMetric(descSockets, prometheus.GaugeValue, float64(n), reporter)
	}
	ch <- prometheus.MustNewConstMetric(descSeries, prometheus.GaugeValue, float64(len(entries)))
	ch <- prometheus.MustNewConstMetric(descExpired, prometheus.CounterValue, float64(expired))
	ch <- prometheus.MustNewConstMetric(descSpilled, prometheus.CounterValue, float64(spilled))
}

func (l *Ledger) snapshot() (entries map[Labels]telemetry.Numbers, expired, spilled uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(l.options.Now())
	entries = make(map[Labels]telemetry.Numbers, len(l.entries))
	for k, e := range l.entries {
		entries[k] = e.Numbers
	}
	return entries, l.expired, l.spilled
}

// metrics are those of one label set. A connection that begins has no response_flags yet,
// and neither have bytes; one that ends has.
func (k Labels) metrics(n telemetry.Numbers) []prometheus.Metric {
	none := k.values(telemetry.FlagNone)
	counter := func(d *prometheus.Desc, v uint64, values []string) prometheus.Metric {
		return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), values...)
	}
	out := []prometheus.Metric{
		counter(descOpened, n.Opened, none),
		counter(descSent, n.Received, none), // reversed: see the package's doc
		counter(descReceived, n.Sent, none),
	}
	for _, f := range telemetry.Flags() {
		if f != telemetry.FlagNone && n.Closed[f] == 0 {
			continue
		}
		values := k.values(f)
		out = append(out, counter(descClosed, n.Closed[f], values), counter(descFailed, n.Failed[f], values))
	}
	return out
}
