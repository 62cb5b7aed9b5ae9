package istio

import (
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Options bound a ledger; the zero value has the defaults.
type Options struct {
	MaxSeries int           // default 10,000
	Expiry    time.Duration // default 15 min
	Now       func() time.Time
}

// Ledger are sums of connections by labels. It is for several goroutines.
type Ledger struct {
	options Options

	mu      sync.Mutex
	entries map[Labels]*entry
	swept   time.Time
	expired uint64
	spilled uint64
}

type entry struct {
	telemetry.Numbers
	changed time.Time
}

// New makes an empty ledger.
func New(o Options) *Ledger {
	if o.MaxSeries <= 0 {
		o.MaxSeries = 10_000
	}
	if o.Expiry <= 0 {
		o.Expiry = 15 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Ledger{options: o, entries: map[Labels]*entry{}, swept: o.Now()}
}

// add counts growth.
func (l *Ledger) add(k Labels, growth telemetry.Numbers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.options.Now()
	e := l.entry(k, now)
	e.Numbers = e.Numbers.Add(growth)
	e.changed = now
}

// entry finds or begins an entry; the caller holds mu.
func (l *Ledger) entry(k Labels, now time.Time) *entry {
	if e := l.entries[k]; e != nil {
		return e
	}
	if len(l.entries) >= l.options.MaxSeries && now.Sub(l.swept) >= sweepEvery {
		l.sweep(now)
	}
	if len(l.entries) >= l.options.MaxSeries {
		l.spilled++
		k = k.spill()
		if e := l.entries[k]; e != nil {
			return e
		}
	}
	e := &entry{}
	l.entries[k] = e
	return e
}

// sweep forgets what has expired; the caller holds mu.
func (l *Ledger) sweep(now time.Time) {
	l.swept = now
	for k, e := range l.entries {
		if e.Open() == 0 && now.Sub(e.changed) >= l.options.Expiry {
			delete(l.entries, k)
			l.expired++
		}
	}
}
