package istio

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Whatever peers and cells say of themselves, two series never read the same: a registry
// that meets one twice has no metrics at all.
func TestNobodysWordsMakeASeriesTwice(t *testing.T) {
	d, web := world(t)
	db := id(t, "spiffe://cluster.local/ns/b/sa/db")
	keys := []telemetry.Key{
		{Direction: telemetry.Inbound, Identity: db, Baggage: "k8s.cluster.name=c"},
		{Direction: telemetry.Inbound, Identity: db, Baggage: "k8s.cluster.name=c,k8s.deployment.name=unknown"},
		{Direction: telemetry.Inbound, Identity: db, Baggage: "k8s.cluster.name=c,service.name=unknown,service.version=unknown"},
		{Direction: telemetry.Inbound, Identity: db, Baggage: "k8s.cluster.name=c", Service: "unknown"},
		{Direction: telemetry.Inbound, Identity: db, Baggage: "k8s.cluster.name=c", Service: "overflow"},
		{Direction: telemetry.Inbound, Identity: id(t, "spiffe://cluster.local/ns/unknown/sa/db"), Baggage: "k8s.cluster.name=unknown"},
		{Direction: telemetry.Inbound, Overflow: true},
	}
	l := New(Options{})
	l.entries[Labels{reporter: "destination"}.spill()] = &entry{changed: time.Now()} // another's
	unnamed := web
	unnamed.Cluster, web.Cluster = "", "unknown"
	a := l.Account()
	for i, k := range keys {
		tally := []telemetry.Tally{{Slot: i, Born: 1, Key: &k, Numbers: numbers(1, 1, 0, 0)}}
		a.Take("a/web-1", tally, reader(func(k telemetry.Key) Labels { return LabelsOf(d, web, k) }))
		a.Take("a/web-2", tally, reader(func(k telemetry.Key) Labels { return LabelsOf(d, unnamed, k) }))
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(l)
	if _, err := r.Gather(); err != nil {
		t.Error(err)
	}
	if entries, _, _ := l.snapshot(); len(entries) != 4 {
		t.Errorf("%d label sets, want those of two peers, of the overflow here, and of another's", len(entries))
	}
}

// twice is a collector that is broken.
type twice struct{ desc *prometheus.Desc }

func (c twice) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c twice) Collect(ch chan<- prometheus.Metric) {
	for range 2 {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1)
	}
}

// One series that is wrong costs nobody the others, and is said.
func TestABrokenSeriesCostsOnlyItself(t *testing.T) {
	var log strings.Builder
	h := Handler(slog.New(slog.NewTextHandler(&log, nil)), New(Options{}), twice{prometheus.NewDesc("broken", "It is.", nil, nil)})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "bulkhead_istio_series 0") || !strings.Contains(log.String(), "broken") {
		t.Errorf("%d: %s\nlog: %s", w.Code, w.Body, &log)
	}
}

// slow is a collector that waits.
type slow struct {
	runs    atomic.Int32
	release chan struct{}
}

func (*slow) Describe(ch chan<- *prometheus.Desc) { ch <- descSeries }

func (c *slow) Collect(chan<- prometheus.Metric) {
	c.runs.Add(1)
	<-c.release
}

// However many scrape at a time, metrics are collected once, and most are sent away.
func TestManyScrapersCostOne(t *testing.T) {
	c := &slow{release: make(chan struct{})}
	h := Handler(slog.New(slog.DiscardHandler), c)
	codes := make(chan int, 10*maxScrapes)
	for range cap(codes) {
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			codes <- w.Code
		}()
	}
	for i := range cap(codes) {
		if i == cap(codes)-maxScrapes { // the others wait for what is collected
			if n := c.runs.Load(); n > 1 {
				t.Errorf("collected %d times at once", n)
			}
			close(c.release)
		}
		code := <-codes
		if sentAway := i < cap(codes)-maxScrapes; sentAway != (code == 503) {
			t.Errorf("answer %d: %d", i, code)
		}
	}
}
