package istio

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Clock has how the clock of whoever signs SVIDs stands beside this machine's as metrics.
type Clock func() identity.Dates

var (
	descDated = prometheus.NewDesc("bulkhead_svid_dated_elsewhere_total", "Fresh SVIDs that were refused, since their dates are of another time than this machine's.", nil, nil)
	descAhead = prometheus.NewDesc("bulkhead_ca_clock_ahead_seconds", "How far the clock of whoever signs SVIDs is ahead of this machine's, at least, by the last one; below 0: behind, 0: the last one is valid here.", nil, nil)
)

// Describe implements prometheus.Collector.
func (Clock) Describe(ch chan<- *prometheus.Desc) { ch <- descDated; ch <- descAhead }

// Collect implements prometheus.Collector.
func (c Clock) Collect(ch chan<- prometheus.Metric) {
	now := c()
	ch <- prometheus.MustNewConstMetric(descDated, prometheus.CounterValue, float64(now.Refused))
	ch <- prometheus.MustNewConstMetric(descAhead, prometheus.GaugeValue, now.Ahead.Seconds())
}
