package istio

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// component is what Istio's dashboards ask for when they want the data planes of nodes.
const component = "ztunnel"

// build is istio_build, with the version in the executable as config_dump has it.
func build() prometheus.Collector {
	tag := "unknown"
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		tag = b.Main.Version
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "istio_build", Help: "1, of this version of Bulkhead, which stands where a ztunnel would.",
		ConstLabels: prometheus.Labels{"component": component, "tag": tag},
	}, func() float64 { return 1 })
}
