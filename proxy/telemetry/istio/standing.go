package istio

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Standing has how a proxy stands with whoever serves its mesh as metrics.
type Standing func() mesh.Standing

var (
	descHeard   = prometheus.NewDesc("bulkhead_discovery_heard", "1 while the replica of control that was heard last is heard, 0 when it is not.", []string{"server"}, nil)
	descRefused = prometheus.NewDesc("bulkhead_discovery_refused", "1 while something of the newest mesh is refused (NACK), and an earlier form or nothing of it is in force.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Standing) Describe(ch chan<- *prometheus.Desc) { ch <- descHeard; ch <- descRefused }

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
}
