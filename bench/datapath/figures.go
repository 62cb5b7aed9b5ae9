package datapath

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

const gib, mib = 1 << 30, 1 << 20

func rate(r engine.Result) float64 { return float64(r.Bytes) / mib / r.Took.Seconds() }

// report takes the row's metrics from what the client and the clocks say.
func (t *turn) report(r engine.Result, a, b time.Duration) {
	cpu, per := verdict.CPUPer1000, float64(r.Requests)/1e6 // of milliseconds per thousand
	switch t.row.job.Mode {
	case engine.Up:
		cpu, per = verdict.CPUPerGiB, float64(r.Bytes)/gib
		t.took(verdict.Throughput, rate(r))
	case engine.RR:
		t.took(verdict.Requests, float64(r.Requests)/r.Took.Seconds())
	case engine.CRR:
		t.took(verdict.Connections, float64(r.Requests)/r.Took.Seconds())
	}
	if r.Requests > 0 {
		t.took(verdict.P50, micro(r.P50))
		t.took(verdict.P99, micro(r.P99))
	}
	if a+b > 0 && t.row.beside == nil {
		t.took(cpu, (a+b).Seconds()/per)
		t.took(cpu+"-A", a.Seconds()/per)
		t.took(cpu+"-B", b.Seconds()/per)
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
