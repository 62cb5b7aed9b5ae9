package istio

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	maxScrapes    = 16 // each has a text of its own
	scrapeTimeout = 20 * time.Second
)

// Handler serves metrics as Prometheus's text, as OpenMetrics to whoever asks for it, and
// compressed likewise. What cannot be collected is left out and said in the log: a series
// that is wrong must not cost an operator all others. Who asks while metrics are collected
// gets the same ones: many scrapers cost no more than one. The process and its build are
// among them.
func Handler(log *slog.Logger, all ...prometheus.Collector) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(build(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(all...)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		ErrorHandling:       promhttp.ContinueOnError,
		CoalesceGather:      true,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}
