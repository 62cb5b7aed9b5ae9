package cost

import (
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// story is a record in the making.
type story struct {
	now      int64
	lines    []Line
	requests []load.Record
}

const millisecond = int64(time.Millisecond)

func (s *story) add(after time.Duration, l Line) {
	s.now += int64(after)
	l.At = s.now
	s.lines = append(s.lines, l)
}

func (s *story) sample(after time.Duration, phase string, ends bool, signed, messages, bytes int64, procs ...Process) {
	if procs == nil {
		procs = []Process{}
	}
	s.add(after, Line{Sample: &Sample{Phase: phase, Ends: ends, Procs: procs, Signed: signed, Messages: messages, Bytes: bytes}})
}

// load is a window of 10 requests of each kind: request k takes base and k more
// milliseconds, and every second one fails when failing.
func (s *story) load(phase string, base int64, longLived int, failing bool) {
	from := s.now
	for k := range 10 {
		for flow := range 2 {
			at := from + int64(k)*100*millisecond
			r := load.Record{Flow: flow, Seq: k, Planned: at, Sent: at, Done: at + (base+int64(k))*millisecond}
			if failing && k%2 == 1 {
				r.Error = load.Refused
			}
			s.requests = append(s.requests, r)
		}
	}
	s.add(2*time.Second, Line{Window: &Window{Phase: phase, From: from, To: from + int64(2*time.Second), LongLived: longLived, Busy: 1.5 + float64(len(s.lines)%2)}})
}

// turn of nothing at all.
func (s *story) none(round int) {
	s.add(time.Second, Line{Turn: &Turn{Round: round, Isolation: None}})
	for _, phase := range []string{Place, Idle, Push} {
		s.sample(0, phase, false, 0, 0, 0)
		s.sample(time.Second, phase, true, 0, 0, 0)
	}
	s.add(0, Line{Start: &Start{Kind: First, Pod: "t/a", Asked: millisecond, Answered: millisecond}})
	s.load(Load, 1, 0, false)
	s.add(0, Line{Done: true})
}

// shared is a node's proxy: its keeper grows with the round.
func (s *story) shared(round int) {
	keeper := Process{PID: 2, Role: "keeper", PSS: int64(8+round) << 20, Private: 6 << 20, Threads: 9}
	procs := func(ms, read int64) []Process {
		k := keeper
		k.CPU, k.Read = ms*millisecond, read
		return []Process{
			{PID: 1, Role: "anchor", PSS: 4 << 20, Private: 2 << 20, Threads: 5}, k,
			{PID: 3, Role: "cell", Pods: 4, PSS: 6 << 20, Private: 5 << 20, Charge: 7 << 20, Threads: 8, CPU: ms * millisecond},
		}
	}
	s.add(time.Second, Line{Turn: &Turn{Round: round, Isolation: "shared"}})
	s.sample(0, Place, false, 10, 0, 0)
	s.sample(2*time.Second, Place, true, 13, 4, 400, procs(0, 0)...)
	s.sample(time.Second, Idle, false, 13, 4, 400, procs(10, 1000)...)
	s.sample(time.Second, Idle, true, 13, 4, 400, procs(15, 1100)...)
	s.sample(0, Push, false, 13, 4, 400, procs(20, 1100)...)
	s.sample(2*time.Second, Push, true, 13, 9, 2448, procs(25, 1100+200+4096)...)
	for _, n := range []int64{30, 10, 20} {
		s.add(0, Line{Start: &Start{Kind: First, Pod: "t/a", Served: 5 * millisecond, Asked: n * millisecond, Answered: 2 * millisecond}})
		s.add(0, Line{Start: &Start{Kind: Replica, Pod: "t/b", Served: 5 * millisecond, Asked: millisecond, Answered: (n + 1) * millisecond}})
	}
	s.sample(0, Load, false, 0, 0, 0, procs(100, 0)...)
	s.load(Load, 3, 0, false)
	s.sample(0, Load, true, 0, 0, 0, procs(105, 0)...)
	s.sample(10*time.Second, Replace, false, 0, 0, 0, procs(200, 0)...)
	began := s.now
	for _, at := range []int64{0, 900, 1000, 1800} { // three of them within a second
		s.requests = append(s.requests, cut(began+at*millisecond))
	}
	s.load(Replace, 3, 5, true)
	s.add(0, Line{Replaced: &Replaced{Name: "shared", Pods: 4, Began: began, Served: s.now}})
	s.sample(2*time.Second, Replace, true, 0, 0, 0, procs(300, 0)...)
	s.add(0, Line{Done: true})
}

func cut(at int64) load.Record {
	return load.Record{Flow: 0, Seq: load.Break, Planned: at, Sent: at, Done: at, Error: load.EOF}
}

// told is two rounds of none and shared.
func told() *story {
	s := &story{now: int64(time.Hour)}
	s.add(0, Line{Run: &Run{
		Schema: Schema, ID: "20261125-100000-isolation-7", Started: time.Unix(1_795_600_000, 0).UTC(), Version: "v0.2.0",
		Host: measure.Host{Kernel: "6.1", CPUs: 2, Privileged: true}, CPU: "a CPU", Memory: 8 << 30, Seed: 7, Repeat: 2,
		Sizes: []int{4, 9}, Isolations: []string{None, "sidecar", "shared"}, Settle: int64(2 * time.Second), Rotation: int64(30 * time.Minute), Drain: int64(2 * time.Second),
	}})
	s.add(time.Second, Line{Size: &Size{Pods: 4, Flows: []string{load.Reused, load.New}}})
	s.none(0)
	s.shared(0)
	s.shared(1)
	s.none(1)
	return s
}

func (s *story) end(e End) *story {
	s.add(0, Line{End: &e})
	return s
}

// write is what a run leaves in a directory.
func (s *story) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	w, err := NewWriter(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.lines {
		if err := w.Write(l); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range s.requests {
		if err := w.Requests.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}
