package istio

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Histogram is what a cell has timed, as a metric.
func Histogram(d *prometheus.Desc, t telemetry.Times, labels ...string) prometheus.Metric {
	buckets, count := map[float64]uint64{}, uint64(0)
	for i, bound := range telemetry.TimeBounds() {
		count += t.Buckets[i]
		buckets[bound.Seconds()] = count
	}
	count += t.Buckets[len(t.Buckets)-1]
	return prometheus.MustNewConstHistogram(d, count, time.Duration(t.Sum).Seconds(), buckets, labels...)
}
