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
	if len(l.entries) >= l.options.MaxSeries {
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

// Account is what a ledger knows of one process of a cell: the last tally of each series.
// It is for one goroutine.
type Account struct {
	ledger *Ledger
	heard  map[string]map[int]*heard // by workload and slot
}

type heard struct {
	born   uint64
	labels Labels
	last   telemetry.Numbers
}

// Account opens one.
func (l *Ledger) Account() *Account { return &Account{ledger: l, heard: map[string]map[int]*heard{}} }

// maxSlot is more than a cell of ours has: those of its table, and of each overflow.
const maxSlot = telemetry.MaxSeries + 8

// Take adds what has grown since the workload's last tallies. What a cell says is a claim:
// it is bounded, and never makes a sum fall.
func (a *Account) Take(uid string, tallies []telemetry.Tally, labels func(telemetry.Key) Labels) {
	slots := a.heard[uid]
	if slots == nil {
		slots = map[int]*heard{}
		a.heard[uid] = slots
	}
	for _, t := range tallies {
		h := slots[t.Slot]
		if h == nil || h.born != t.Born {
			if t.Key == nil || t.Slot < 0 || t.Slot >= maxSlot {
				continue // it was never said whose numbers these are
			}
			h.settle(a.ledger) // another series has its slot now
			h = &heard{born: t.Born, labels: labels(*t.Key)}
			slots[t.Slot] = h
		}
		growth := t.Numbers.Since(h.last)
		h.last = t.Numbers
		if growth != (telemetry.Numbers{}) {
			a.ledger.add(h.labels, growth)
		}
	}
}

// settle closes what is still open, as failed: nobody will ever say how it ended.
func (h *heard) settle(l *Ledger) {
	if h == nil {
		return
	}
	if open := h.last.Open(); open > 0 {
		var growth telemetry.Numbers
		growth.Closed[telemetry.FlagNone], growth.Failed[telemetry.FlagNone] = open, open
		l.add(h.labels, growth)
		h.last = h.last.Add(growth)
	}
}

// Leave forgets a workload that the process does not serve any more.
func (a *Account) Leave(uid string) {
	for _, h := range a.heard[uid] {
		h.settle(a.ledger)
	}
	delete(a.heard, uid)
}

// Close ends the account with its process.
func (a *Account) Close() {
	for uid := range a.heard {
		a.Leave(uid)
	}
}
