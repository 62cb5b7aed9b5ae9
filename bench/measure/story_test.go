package measure

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// A story is a small run whose numbers can be worked out by hand. Two nodes; the
// culprit a/x on n1 with b/y beside it; c/z and d/w on n2; a sentinel.
//
//	flow 0 new     a/x -> c/z   the culprit's
//	flow 1 reused  b/y -> c/z   a bystander
//	flow 2 new     c/z -> d/w   a bystander
//	flow 9 new     s   -> s     sentinel
//
// Every flow sends every 50 ms: two requests per bin. One segment: the load starts
// at 10 s, baseline from 11 s, fault at 14 s, end at 18 s. Every answer takes 2 ms.
type story struct {
	run     *Run
	records []load.Record
}

const (
	sec    = int64(time.Second)
	ms     = int64(time.Millisecond)
	tStart = 10 * sec
	tBase  = 11 * sec
	tFault = 14 * sec
	tEnd   = 18 * sec
)

func newStory(kind string) *story {
	target := netip.MustParseAddrPort("10.244.2.2:9000")
	flow := func(id int, kind, from, to string) Flow {
		return Flow{ID: id, Kind: kind, Client: from, Server: to, Target: target, Period: 50 * ms, Timeout: 2 * sec}
	}
	workload := func(name, ns, node string) Workload {
		return Workload{Name: name, Namespace: ns, ServiceAccount: name, Node: node, Addresses: []netip.Addr{target.Addr()}}
	}
	s := &story{run: &Run{
		Schema: Schema, ID: "story", Started: time.Unix(1700000000, 0).UTC(), Version: "test", Drill: kind, Culprit: "a/x",
		Restart: Restart{Mode: "kubelet", TimeScale: 0.1}, Clean: 2 * sec, Nodes: []string{"n1", "n2"},
		Workloads: []Workload{workload("a/x", "a", "n1"), workload("b/y", "b", "n1"), workload("c/z", "c", "n2"), workload("d/w", "d", "n2"), workload("s", "s", "n1")},
		Flows:     []Flow{flow(0, load.New, "a/x", "c/z"), flow(1, load.Reused, "b/y", "c/z"), flow(2, load.New, "c/z", "d/w"), flow(9, load.New, "s", "s")},
		Subjects:  []Subject{{Name: "shared", Isolation: "shared", Custody: "cell", Delay: sec}},
		Segments:  []Segment{},
	}}
	s.run.Flows[3].Sentinel = true
	s.run.Workloads[4].Sentinel = true
	s.segment(kind, 0)
	return s
}

// segment appends a quiet segment that begins shift later than the first.
func (s *story) segment(kind string, shift int64) *Segment {
	seg := Segment{
		Subject: "shared", Kind: kind, Start: tStart + shift, T0: tBase + shift, TFault: tFault + shift, TEnd: tEnd + shift,
		Predicted: []int{}, Waiting: []int{}, Usage: []Usage{}, Events: []Event{},
	}
	s.run.Segments = append(s.run.Segments, seg)
	for _, f := range s.run.Flows {
		for k := 0; seg.Start+int64(k)*f.Period < seg.TEnd; k++ {
			p := seg.Start + int64(k)*f.Period
			s.records = append(s.records, load.Record{Flow: f.ID, Seq: k, Planned: p, Sent: p, Done: p + 2*ms, Peer: "10.244.1.2"})
		}
	}
	return &s.run.Segments[len(s.run.Segments)-1]
}

// at finds the request of a flow that is planned at the fault plus d.
func (s *story) at(flow int, d time.Duration) *load.Record {
	i := slices.IndexFunc(s.records, func(r load.Record) bool { return r.Flow == flow && r.Planned == tFault+int64(d) })
	if i < 0 {
		panic("no request is planned then")
	}
	return &s.records[i]
}

// fail makes the requests planned in [from, to) after the fault fail within a millisecond.
func (s *story) fail(flow int, from, to time.Duration, class string) {
	for d := from; d < to; d += 50 * time.Millisecond {
		r := s.at(flow, d)
		r.Done, r.Error, r.Peer = r.Planned+ms, class, ""
	}
}

// slow makes the requests planned in [from, to) take long.
func (s *story) slow(flow int, from, to, takes time.Duration) {
	for d := from; d < to; d += 50 * time.Millisecond {
		r := s.at(flow, d)
		r.Done = r.Planned + int64(takes)
	}
}

// breaks appends a broken connection.
func (s *story) breaks(flow int, d time.Duration, class string) {
	t := tFault + int64(d)
	s.records = append(s.records, load.Record{Flow: flow, Seq: load.Break, Planned: t, Sent: t, Done: t, Error: class})
}

func (s *story) judge(t *testing.T) *Result {
	t.Helper()
	if err := s.run.Validate(); err != nil {
		t.Fatal(err)
	}
	res, err := Judge(s.run, s.records)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
