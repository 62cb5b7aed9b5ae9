// Package story makes records of drills that never were, of the usual size, for the tests
// of whatever shows a record.
//
//	s := story.Told(3)               // four subjects, three repeats of the drill crash
//	s.Run.Segments[1].Skipped = "…"  // spoil it as needed
//	dir, err := s.Write(t.TempDir())
package story

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Units of a record.
const (
	Sec = int64(time.Second)
	MS  = int64(time.Millisecond)
)

// Story is a made-up run of the usual size: 3 nodes, 12 pods, 14 edges, 4 subjects.
type Story struct {
	Run     *measure.Run
	Records []load.Record
	clock   int64
}

// New is a run without segments.
func New() *Story {
	s := &Story{clock: 100 * Sec, Run: &measure.Run{
		Schema: measure.Schema, ID: "story", Started: time.Unix(1795000000, 0).UTC(), Version: "test", Drill: measure.Crash,
		Culprit: "tenant-a/checkout", Seed: 7, Restart: measure.Restart{Mode: "kubelet", TimeScale: 0.1}, Clean: 2 * Sec,
		Nodes: []string{"node-1", "node-2", "node-3"}, Segments: []measure.Segment{},
		Subjects: []measure.Subject{
			{Name: "sidecar", Isolation: "sidecar", Custody: "cell", Delay: Sec},
			{Name: "workload", Isolation: "workload", Custody: "anchor", Liveness: true, Delay: Sec / 2},
			{Name: "shared (as ztunnel)", Isolation: "shared", Custody: "cell", Delay: Sec},
			{Name: "shared (custody on)", Isolation: "shared", Custody: "anchor", Liveness: true, Delay: Sec / 2},
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

func (s *Story) workload(namespace, app string, node int, sentinel bool) {
	s.Run.Workloads = append(s.Run.Workloads, measure.Workload{
		Name: namespace + "/" + app, Namespace: namespace, ServiceAccount: app, Node: fmt.Sprintf("node-%d", node), Sentinel: sentinel,
	})
}

func (s *Story) edge(from, to string, sentinel bool) {
	for _, kind := range []string{load.New, load.Reused} {
		n := len(s.Run.Flows)
		s.Run.Flows = append(s.Run.Flows, measure.Flow{
			ID: n, Kind: kind, Client: from, Server: to, Target: netip.MustParseAddrPort("10.244.1.2:9000"),
			Period: 50 * MS, Offset: int64(n) * MS, Timeout: 2 * Sec, Sentinel: sentinel,
		})
	}
}

// Segment appends baseline and observation, both 3 s, in which dead workloads are
// away for the given time after the fault.
func (s *Story) Segment(subject, kind string, dead map[string]bool, away time.Duration, usage []measure.Process) *measure.Segment {
	seg := measure.Segment{
		Subject: subject, Kind: kind, Start: s.clock, T0: s.clock + Sec, TFault: s.clock + 4*Sec, TEnd: s.clock + 8*Sec,
		Predicted: []int{}, Waiting: []int{}, Events: []measure.Event{},
	}
	for i := range int64(2) {
		sample := measure.Usage{T: seg.T0 + i*3*Sec}
		for _, p := range usage {
			p.CPU *= i
			sample.Processes = append(sample.Processes, p)
		}
		seg.Usage = append(seg.Usage, sample)
	}
	for _, f := range s.Run.Flows {
		affected := dead[f.Client] || dead[f.Server]
		if affected {
			seg.Predicted = append(seg.Predicted, f.ID)
		}
		if affected && f.Kind == load.Reused {
			at := seg.TFault + MS
			s.Records = append(s.Records, load.Record{Flow: f.ID, Seq: load.Break, Planned: at, Sent: at, Done: at, Error: load.EOF})
		}
		for k := 0; seg.Start+f.Offset+int64(k)*f.Period < seg.TEnd; k++ {
			p := seg.Start + f.Offset + int64(k)*f.Period
			r := load.Record{Flow: f.ID, Seq: k, Planned: p, Sent: p, Done: p + 3*MS, Peer: "10.244.1.2"}
			if affected && p >= seg.TFault && p < seg.TFault+int64(away) {
				r.Error, r.Peer = load.Refused, ""
			}
			s.Records = append(s.Records, r)
		}
	}
	s.clock += 20 * Sec
	s.Run.Segments = append(s.Run.Segments, seg)
	return &s.Run.Segments[len(s.Run.Segments)-1]
}

// served are the workloads of a node, or one workload.
func (s *Story) served(shared bool) map[string]bool {
	dead := map[string]bool{s.Run.Culprit: true}
	for _, w := range s.Run.Workloads {
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

// Told is a whole run; each repeat takes the data plane a little longer to come back.
func Told(repeats int) *Story {
	s := New()
	for repeat := range repeats {
		away := time.Duration(repeat) * 100 * time.Millisecond
		for i, sub := range s.Run.Subjects {
			usage := processes("sidecar", 12, 7900, 15*time.Millisecond)
			if i > 0 {
				usage = append(processes("cell", map[int]int{1: 12, 2: 3, 3: 3}[i], 7900, 40*time.Millisecond), append(processes("keeper", 3, 9000, 0), processes("anchor", 3, 3000, 0)...)...)
			}
			s.Segment(sub.Name, measure.Null, nil, 0, usage).Repeat = repeat
			s.Segment(sub.Name, measure.Crash, s.served(i > 1), time.Duration(sub.Delay)+away+250*time.Millisecond, usage).Repeat = repeat
		}
	}
	return s
}

// Write writes the record into dir, as a drill does, and returns dir.
func (s *Story) Write(dir string) (string, error) {
	if err := measure.WriteRun(dir, s.Run); err != nil {
		return "", err
	}
	w, err := measure.NewRequestsWriter(dir)
	if err != nil {
		return "", err
	}
	for _, r := range s.Records {
		w.Write(r)
	}
	return dir, w.Close()
}
