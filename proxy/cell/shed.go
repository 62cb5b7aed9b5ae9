package cell

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	calm  = time.Second           // between looks at the memory while half of it is free
	alert = 50 * time.Millisecond // and while it is not
)

// memory is how much of its limit a cell uses. The limit is GOMEMLIMIT's, which the
// keeper sets; without one nothing is ever shed.
//
// It counts what the last collection found alive, and stacks. The whole heap would be
// the obvious number and is none: with garbage it comes close to the limit in the best
// of health, since the collector lets it.
type memory struct {
	limit   func() int64 // it follows the walls
	samples []metrics.Sample
	timer   *time.Timer // nil: no limit
	begun   bool        // it runs, or is about to be set again
	look    <-chan time.Time
}

func newMemory() *memory {
	m := &memory{limit: collection.memoryLimit}
	if m.limit() == math.MaxInt64 {
		return m
	}
	m.samples = newSamples()
	m.timer = time.NewTimer(calm)
	m.timer.Stop()
	m.look = m.timer.C
	if !collection.dozing.Load() {
		m.begin()
	}
	return m
}

// begin has the loop look from now on. A cell that dozes holds nothing, and each time that
// it wakes costs it as much as a ping does.
func (m *memory) begin() {
	if m.timer != nil && !m.begun {
		m.begun = true
		m.timer.Reset(calm)
	}
}

func newSamples() []metrics.Sample {
	return []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
}

func (m *memory) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
}

// used is the memory in use now.
func (m *memory) used() int64 {
	metrics.Read(m.samples)
	var sum uint64
	for _, s := range m.samples {
		sum += s.Value.Uint64()
	}
	return int64(sum)
}

// relieve looks at the memory and sheds connections of the greediest workload while
// nine tenths of it are used; or ends its tunnels over QUIC, when accounts do not know who uses it.
func (s *cell) relieve() {
	limit := s.memory.limit()
	if s.weight()+s.unseen() < limit/8 {
		// Nothing that cutting would give back; and an idle cell, of which there are
		// many, never pays for the tables that runtime/metrics builds when first read.
		s.memory.timer.Reset(calm)
		return
	}
	used := s.memory.used()
	next := calm
	if used > limit/2 {
		next = alert
	}
	defer s.memory.timer.Reset(next)
	if used <= limit/10*9 {
		return
	}
	if s.weight() < used/2 && s.endUnseen(used, limit) {
		return
	}
	uid, v := s.greediest()
	if v == nil {
		return
	}
	weight := v.account.Weight()
	n := v.account.Shed()
	s.Log.Warn("short of memory: the greediest workload is shed", "workload", uid, "connections", n,
		"holds", weight, "used", used, "limit", limit)
	runtime.GC() // or the next look would see what is gone already as alive
}

// endUnseen ends the tunnels over QUIC of the workload that has the most, and says whether there were any. Whose peer
// it is that fills the memory is not known: the next workload's are ended if that was of no avail. Peers go on over TCP.
func (s *cell) endUnseen(used, limit int64) bool {
	var uid string
	var most *served
	for u, v := range s.served {
		if v.unseen() > most.unseen() {
			uid, most = u, v
		}
	}
	if most == nil {
		return false
	}
	n := most.account.Relieve()
	s.Log.Warn("short of memory that no budget knows of: tunnels over QUIC are ended", "workload", uid, "tunnels", n, "used", used, "limit", limit)
	runtime.GC()
	return true
}

// weight is what all workloads of the cell hold.
func (s *cell) weight() (sum int64) {
	for _, v := range s.served {
		sum += v.weight()
	}
	return sum
}

// unseen is what tunnels over QUIC may hold beside.
func (s *cell) unseen() (sum int64) {
	for _, v := range s.served {
		sum += v.unseen()
	}
	return sum
}

// greediest is the workload with a budget that holds the most.
func (s *cell) greediest() (uid string, most *served) {
	for u, v := range s.served {
		if v.weight() > most.weight() {
			uid, most = u, v
		}
	}
	return uid, most
}

func (v *served) weight() int64 {
	if v == nil {
		return 0
	}
	return v.account.Weight()
}

func (v *served) unseen() int64 {
	if v == nil {
		return 0
	}
	return v.account.Unseen()
}
