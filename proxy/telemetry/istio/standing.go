package istio

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Standing has how a proxy stands with whoever serves its mesh as metrics.
type Standing func() mesh.Standing

var (
	descHeard    = prometheus.NewDesc("bulkhead_discovery_heard", "1 while the replica of control that was heard last is heard, 0 when it is not.", []string{"server"}, nil)
	descMessages = prometheus.NewDesc("istio_xds_message_total", "Responses of control, by type.", []string{"url"}, nil)
	descBytes    = prometheus.NewDesc("istio_xds_message_bytes_total", "Bytes of the resources in the responses of control, by type.", []string{"url"}, nil)
	descEnded    = prometheus.NewDesc("istio_xds_connection_terminations_total", "Streams to control that ended: ConnectionError (it never answered), Error, Reconnect (lost) or Complete (ended by control).", []string{"reason"}, nil)
	descRefused  = prometheus.NewDesc("bulkhead_discovery_refused", "1 while something of the newest mesh is refused (NACK), and an earlier form or nothing of it is in force.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descHeard, descRefused, descMessages, descBytes, descEnded} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A mesh of a file has no server.
func (s Standing) Collect(ch chan<- prometheus.Metric) {
	now := s()
	flag := func(d *prometheus.Desc, is bool, labels ...string) {
		n := 0.0
		if is {
			n = 1
		}
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	if now.Server != "" {
		flag(descHeard, now.Error == "", now.Server)
	}
	flag(descRefused, now.Refused != "")
	counters := func(d *prometheus.Desc, by map[string]uint64) {
		for label, n := range by {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label)
		}
	}
	counters(descMessages, now.Messages)
	counters(descBytes, now.Bytes)
	counters(descEnded, now.Ended)
}
