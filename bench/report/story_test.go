package report

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

const (
	sec = int64(time.Second)
	ms_ = int64(time.Millisecond)
)

// story is a made-up run of the usual size: 3 nodes, 12 pods, 14 edges, 4 subjects.
type story struct {
	run     *measure.Run
	records []load.Record
	clock   int64
}

func newStory() *story {
	s := &story{clock: 100 * sec, run: &measure.Run{
		Schema: measure.Schema, ID: "story", Started: time.Unix(1795000000, 0).UTC(), Version: "test", Drill: measure.Crash,
		Culprit: "tenant-a/checkout", Seed: 7, Restart: measure.Restart{Mode: "kubelet", TimeScale: 0.1}, Clean: 2 * sec,
		Nodes: []string{"node-1", "node-2", "node-3"}, Segments: []measure.Segment{},
		Subjects: []measure.Subject{
			{Name: "sidecar", Isolation: "sidecar", Custody: "cell", Delay: sec},
			{Name: "workload", Isolation: "workload", Custody: "anchor", Liveness: true, Delay: sec / 2},
			{Name: "shared (as ztunnel)", Isolation: "shared", Custody: "cell", Delay: sec},
			{Name: "shared (custody on)", Isolation: "shared", Custody: "anchor", Liveness: true, Delay: sec / 2},
		},
	}}
	apps := []string{"web", "checkout", "catalog", "db"}
	for i, tenant := range []string{"tenant-a", "tenant-b", "tenant-c"} {
		for j, app := range apps {
			s.workload(tenant, app, (i+j+2)%3+1, false)
		}
		for _, e := range [][2]string{{"web", "checkout"}, {"web", "catalog"}, {"checkout", "db"}, {"catalog", "db"}} {
			s.edge(tenant+"/"+e[0], tenant+"/"+e[1], false)
		}
	}
	s.edge("tenant-c/catalog", "tenant-b/db", false)
	s.edge("tenant-b/checkout", "tenant-a/catalog", false)
	s.workload("sentinel", "a", 1, true)
	s.workload("sentinel", "b", 2, true)
	s.edge("sentinel/a", "sentinel/b", true)
	return s
}

func (s *story) workload(namespace, app string, node int, sentinel bool) {
	s.run.Workloads = append(s.run.Workloads, measure.Workload{
		Name: namespace + "/" + app, Namespace: namespace, ServiceAccount: app, Node: fmt.Sprintf("node-%d", node), Sentinel: sentinel,
	})
}

func (s *story) edge(from, to string, sentinel bool) {
	for _, kind := range []string{load.New, load.Reused} {
		n := len(s.run.Flows)
		s.run.Flows = append(s.run.Flows, measure.Flow{
			ID: n, Kind: kind, Client: from, Server: to, Target: netip.MustParseAddrPort("10.244.1.2:9000"),
			Period: 50 * ms_, Offset: int64(n) * ms_, Timeout: 2 * sec, Sentinel: sentinel,
		})
	}
}

// segment appends baseline and observation, both 3 s, in which dead workloads are
// away for the given time after the fault.
func (s *story) segment(subject, kind string, dead map[string]bool, away time.Duration, usage []measure.Process) *measure.Segment {
	seg := measure.Segment{
		Subject: subject, Kind: kind, Start: s.clock, T0: s.clock + sec, TFault: s.clock + 4*sec, TEnd: s.clock + 8*sec,
		Predicted: []int{}, Waiting: []int{}, Events: []measure.Event{},
	}
	for i := range int64(2) {
		sample := measure.Usage{T: seg.T0 + i*3*sec}
		for _, p := range usage {
			p.CPU *= i
			sample.Processes = append(sample.Processes, p)
		}
		seg.Usage = append(seg.Usage, sample)
	}
	for _, f := range s.run.Flows {
		affected := dead[f.Client] || dead[f.Server]
		if affected {
			seg.Predicted = append(seg.Predicted, f.ID)
		}
		if affected && f.Kind == load.Reused {
			at := seg.TFault + ms_
			s.records = append(s.records, load.Record{Flow: f.ID, Seq: load.Break, Planned: at, Sent: at, Done: at, Error: load.EOF})
		}
		for k := 0; seg.Start+f.Offset+int64(k)*f.Period < seg.TEnd; k++ {
			p := seg.Start + f.Offset + int64(k)*f.Period
			r := load.Record{Flow: f.ID, Seq: k, Planned: p, Sent: p, Done: p + 3*ms_, Peer: "10.244.1.2"}
			if affected && p >= seg.TFault && p < seg.TFault+int64(away) {
				r.Error, r.Peer = load.Refused, ""
			}
			s.records = append(s.records, r)
		}
	}
	s.clock += 20 * sec
	s.run.Segments = append(s.run.Segments, seg)
	return &s.run.Segments[len(s.run.Segments)-1]
}

// served are the workloads of a node, or one workload.
func (s *story) served(shared bool) map[string]bool {
	dead := map[string]bool{s.run.Culprit: true}
	for _, w := range s.run.Workloads {
		if shared && w.Node == "node-1" && !w.Sentinel {
			dead[w.Name] = true
		}
	}
	return dead
}

func processes(role string, n int, pss int64, cpu time.Duration) (all []measure.Process) {
	for i := range n {
		all = append(all, measure.Process{Name: fmt.Sprintf("%s-%d", role, i), Role: role, PID: 100 + i, PSS: pss << 10, Private: pss << 9, CPU: int64(cpu)})
	}
	return all
}

// told is a whole run; each repeat takes the data plane a little longer to come back.
func told(repeats int) *story {
	s := newStory()
	for repeat := range repeats {
		away := time.Duration(repeat) * 100 * time.Millisecond
		for i, sub := range s.run.Subjects {
			usage := processes("sidecar", 12, 7900, 15*time.Millisecond)
			if i > 0 {
				usage = append(processes("cell", map[int]int{1: 12, 2: 3, 3: 3}[i], 7900, 40*time.Millisecond), append(processes("keeper", 3, 9000, 0), processes("anchor", 3, 3000, 0)...)...)
			}
			s.segment(sub.Name, measure.Null, nil, 0, usage).Repeat = repeat
			s.segment(sub.Name, measure.Crash, s.served(i > 1), time.Duration(sub.Delay)+away+250*time.Millisecond, usage).Repeat = repeat
		}
	}
	return s
}
