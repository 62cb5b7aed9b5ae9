package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// MaxSeries bounds the series of one workload in one cell, besides those of the overflow.
// A workload that talks to more workloads and services at a time has the rest counted in
// one series that says so.
const MaxSeries = 256

// births number all series of the process. A table's own clock would not do: a workload that
// left and came back between two reports has another table, whose series in the same slot must
// not pass for those of the first.
var births atomic.Uint64

// Table are the series of one workload. The zero value is ready, and costs nothing until
// the first connection.
//
// A series has a slot, which is how both ends of the channel know it. A slot is used again
// when its series is at rest: all its connections have ended and all that it counted has
// been told. Then the one goes that was used least recently, so that peers that come and
// go for ever need no more memory than those that are there at a time.
type Table struct {
	mu     sync.Mutex
	series map[Key]*Series
	slots  []*Series
	clock  uint64
	next   int                             // the slot where the next round of News begins
	past   struct{ sent, received uint64 } // of series whose slot has another now
}

// Open finds or begins the series of a key, and counts the begin of a connection in it.
func (t *Table) Open(k Key) *Series {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.series[k]
	if s == nil {
		s = t.begin(k)
	}
	t.clock++
	s.used = t.clock
	s.opened.Add(1)
	return s
}

func (t *Table) begin(k Key) *Series {
	slot := len(t.slots)
	if slot >= MaxSeries && !k.Overflow {
		old := t.atRest()
		if old == nil {
			return t.overflow(k.Direction)
		}
		delete(t.series, old.key)
		slot = old.slot
		n := old.numbers()
		t.past.sent += n.Sent
		t.past.received += n.Received
	}
	s := &Series{key: k, slot: slot, born: births.Add(1)}
	s.said, _ = hbone.ParseBaggage(k.Baggage) // what cannot be read says nothing
	if slot == len(t.slots) {
		t.slots = append(t.slots, nil)
	}
	t.slots[slot] = s
	if t.series == nil {
		t.series = map[Key]*Series{}
	}
	t.series[k] = s
	return s
}

// overflow is the series for connections that find no room.
func (t *Table) overflow(d Direction) *Series {
	k := Key{Direction: d, Overflow: true}
	if s := t.series[k]; s != nil {
		return s
	}
	return t.begin(k)
}

// atRest is the series whose slot may be used again, if there is one.
func (t *Table) atRest() (found *Series) {
	for _, s := range t.slots {
		if s.key.Overflow || s.told == nil || s.told.Open() > 0 || s.numbers() != s.told.Numbers {
			continue
		}
		if found == nil || s.used < found.used {
			found = s
		}
	}
	return found
}

// News calls tell with every series that has counted something since tell last returned
// true for it, and says whether it was told of all. A false ends the round: the next one
// begins with what is left, or those who have something to tell each time would be the
// only ones to tell it.
func (t *Table) News(tell func(Tally) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.next
	for i := range t.slots {
		at := (first + i) % len(t.slots)
		s := t.slots[at]
		now := Tally{Slot: s.slot, Born: s.born, Numbers: s.numbers()}
		if s.told != nil && now.Numbers == s.told.Numbers {
			continue
		}
		if s.told == nil {
			now.Key = &s.key
		}
		if s.told == nil || now.Failed != s.told.Failed {
			now.Failures = s.listFailures()
		}
		if !tell(now) {
			t.next = at
			return false
		}
		s.told = &now
	}
	return true
}

// bytes is what all series have moved.
func (t *Table) bytes() (sent, received uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent, received = t.past.sent, t.past.received
	for _, s := range t.slots {
		sent += uint64(s.Sent.Load())
		received += uint64(s.Received.Load())
	}
	return sent, received
}

// Forget makes every series news: somebody else wants to hear.
func (t *Table) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.slots {
		s.told = nil
	}
}
