package istio

import "github.com/bulkhead-mesh/bulkhead/proxy/telemetry"

// Account is what a ledger knows of one process of a cell: the last tally of each series.
// It is for one goroutine.
type Account struct {
	ledger *Ledger
	heard  map[string]map[int]*heard // by workload and slot
}

type heard struct {
	born     uint64
	key      telemetry.Key
	labels   Labels
	last     telemetry.Numbers
	failures map[telemetry.Failure]uint64
}

// Account opens one.
func (l *Ledger) Account() *Account { return &Account{ledger: l, heard: map[string]map[int]*heard{}} }

// Reader is who takes what a process says for a workload.
type Reader interface {
	Labels(telemetry.Key) Labels
	// Failed says how many more failures of one kind there are.
	Failed(k telemetry.Key, f telemetry.Failure, more uint64)
}

// What a cell of ours says at most: the slots of its table and of each overflow, the kinds
// of failure of a series, and the bytes of a key: an identity, a UID, a host name, and
// baggage of 1 KiB.
const (
	maxSlot     = telemetry.MaxSeries + 8
	maxFailures = 32
	maxKey      = 4 << 10
)

// acceptable says whether a key is one that a cell of ours makes, so that it may be kept.
func acceptable(k *telemetry.Key) bool {
	if k == nil || k.Size() > maxKey {
		return false
	}
	return k.Direction == telemetry.Outbound || k.Direction == telemetry.Inbound || k.Direction == telemetry.Plaintext
}

// Take adds what has grown since the workload's last tallies. What a cell says is a claim:
// it is bounded, and never makes a sum fall.
func (a *Account) Take(uid string, tallies []telemetry.Tally, r Reader) {
	slots := a.heard[uid]
	if slots == nil {
		slots = map[int]*heard{}
		a.heard[uid] = slots
	}
	for _, t := range tallies {
		h := slots[t.Slot]
		if h == nil || h.born != t.Born {
			if !acceptable(t.Key) || t.Slot < 0 || t.Slot >= maxSlot {
				continue // it was never said whose numbers these are
			}
			h.settle(a.ledger) // another series has its slot now
			h = &heard{born: t.Born, key: *t.Key, labels: r.Labels(*t.Key)}
			h.key.Baggage, h.key.Service = "", "" // they are in the labels, and cut
			slots[t.Slot] = h
		}
		h.take(a.ledger, t, r)
	}
}

func (h *heard) take(l *Ledger, t telemetry.Tally, r Reader) {
	growth := t.Numbers.Since(h.last)
	h.last = t.Numbers
	if growth != (telemetry.Numbers{}) {
		l.add(h.labels, growth)
	}
	for _, f := range t.Failures {
		f.Stage, f.Reason = telemetry.Stage(word(string(f.Stage))), word(f.Reason)
		if _, ok := h.failures[f.Failure]; !ok && len(h.failures) >= maxFailures {
			continue
		}
		if h.failures == nil {
			h.failures = map[telemetry.Failure]uint64{}
		}
		if more := telemetry.Grown(f.Count, h.failures[f.Failure]); more > 0 {
			r.Failed(h.key, f.Failure, more)
		}
		h.failures[f.Failure] = f.Count
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
