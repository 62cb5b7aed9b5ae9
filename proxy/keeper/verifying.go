package keeper

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// verifications are the periodic ones, and what the last one found.
type verifications struct {
	mu   sync.Mutex
	last *verdictSeen
}

type verdictSeen struct {
	at       time.Time
	seconds  float64
	findings map[string]int // by check
}

// verifying verifies the node again and again, says what is new, and leaves the last
// result to the metrics.
func (k *Keeper) verifying(ctx context.Context) {
	tick := time.NewTicker(time.Duration(k.config.Verify.Every))
	defer tick.Stop()
	said := map[string]bool{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		v, err := k.verify(ctx, "")
		if err != nil {
			continue // the keeper ends
		}
		seen, now := &verdictSeen{at: v.At, seconds: v.Seconds, findings: map[string]int{}}, map[string]bool{}
		for _, f := range v.Findings {
			seen.findings[f.Check]++
			line := f.Workload + "/" + f.Check
			if now[line] = true; !said[line] {
				k.log.Error("a workload is not as it must be", "workload", f.Workload, "cell", f.Cell, "check", f.Check, "found", f.Found)
			}
		}
		for line := range said {
			if !now[line] {
				k.log.Info("enforced again", "what", line)
			}
		}
		said = now
		k.verified.mu.Lock()
		k.verified.last = seen
		k.verified.mu.Unlock()
	}
}

var (
	descFindings = prometheus.NewDesc("bulkhead_verify_findings", "What the last periodic verification found wrong, by check; 0: nothing.", []string{"check"}, nil)
	descVerified = prometheus.NewDesc("bulkhead_verify_last_timestamp_seconds", "When the last periodic verification began.", nil, nil)
	descTook     = prometheus.NewDesc("bulkhead_verify_duration_seconds", "How long the last periodic verification took.", nil, nil)
)

// metrics are of the last verification; none before the first.
func (s *verifications) metrics() []prometheus.Metric {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last == nil {
		return nil
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
		return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	out := []prometheus.Metric{gauge(descVerified, float64(last.at.UnixNano())/1e9), gauge(descTook, last.seconds)}
	for _, check := range admin.Checks {
		out = append(out, gauge(descFindings, float64(last.findings[check]), check))
	}
	return out
}
