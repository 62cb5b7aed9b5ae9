package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Schema names the form of the JSON document.
const Schema = "bulkhead.report/v1"

// Document is a judged record.
type Document struct {
	Name   string // of the experiment; empty: the fault's is the drill's name
	Run    *measure.Run
	Result *measure.Result
	Heats  []measure.Heat // by segment: for pictures
}

// Read reads and judges the record in dir.
func Read(dir string) (*Document, error) {
	run, requests, err := measure.Read(dir)
	if err != nil {
		return nil, err
	}
	res, err := measure.Judge(run, requests)
	if err != nil {
		return nil, err
	}
	looks, err := measure.ReadLooks(dir)
	if err != nil {
		return nil, err
	}
	res.Triage = measure.JudgeTriage(run, res, looks)
	heats, err := measure.Heats(run, requests, res.Late)
	if err != nil {
		return nil, err
	}
	return &Document{Run: run, Result: res, Heats: heats}, nil
}

// Title is the name of the drill.
func (d *Document) Title() string {
	if d.Name != "" {
		return d.Name
	}
	return d.Run.Drill
}

// head is what a reader of the JSON needs of the run to understand the result; the
// rest is in run.json.
type head struct {
	ID        string          `json:"id"`
	Started   time.Time       `json:"started"`
	Version   string          `json:"version"`
	Host      measure.Host    `json:"host"`
	Drill     string          `json:"drill"`
	Culprit   string          `json:"culprit"`
	Seed      int64           `json:"seed"`
	Restart   measure.Restart `json:"restart"`
	Nodes     []string        `json:"nodes"`
	Workloads []string        `json:"workloads"`
	Flows     []measure.Flow  `json:"flows"`
}

// JSON is the document as indented JSON with a final newline. Durations are
// nanoseconds.
func (d *Document) JSON() ([]byte, error) {
	r := d.Run
	h := head{
		ID: r.ID, Started: r.Started, Version: r.Version, Host: r.Host, Drill: r.Drill, Culprit: r.Culprit,
		Seed: r.Seed, Restart: r.Restart, Nodes: r.Nodes, Workloads: pods(r), Flows: r.Flows,
	}
	b, err := json.MarshalIndent(struct {
		Schema string          `json:"schema"`
		Run    head            `json:"run"`
		Result *measure.Result `json:"result"`
	}{Schema, h, d.Result}, "", "  ")
	return append(b, '\n'), err
}

// pods are the names of the workloads that are no sentinels.
func pods(r *measure.Run) (names []string) {
	for _, w := range r.Workloads {
		if !w.Sentinel {
			names = append(names, w.Name)
		}
	}
	return names
}

// describe is the head of the table, such as "crash of the data plane that serves
// tenant-a/checkout on node-1". It is written from the record, not from the fault's
// own words: those may change, records stay.
func describe(r *measure.Run) string {
	node := "its node"
	if i := slices.IndexFunc(r.Workloads, func(w measure.Workload) bool { return w.Name == r.Culprit }); i >= 0 {
		node = r.Workloads[i].Node
	}
	switch r.Drill {
	case measure.Null:
		return "null: no fault at all, what a drill shows where nothing is wrong"
	case "keeper-crash":
		return "keeper-crash of all nodes, again and again"
	case "anchor-crash", "node-restart":
		return r.Drill + " on " + node
	case "partition", "latency", "loss", "mtu", "flap":
		return fmt.Sprintf("%s of %s, where %s is", r.Drill, node, r.Culprit)
	case "replace":
		return "replace: all cells of all nodes, one by one"
	case measure.Crash, "crash-loop", "hang", "half-dead", "slow", "panic", "poison", "memory-leak", "oom", "cpu-hog", "fd-leak", "fd-flood":
		return fmt.Sprintf("%s of the data plane that serves %s on %s", r.Drill, r.Culprit, node)
	default: // true of any fault
		return fmt.Sprintf("%s; the culprit is %s on %s", r.Drill, r.Culprit, node)
	}
}

// setting is the second line: what the numbers depend on.
func setting(r *measure.Run) string {
	flows := 0
	for _, f := range r.Flows {
		if !f.Sentinel && !f.Denied {
			flows++
		}
	}
	said := []string{
		count(len(r.Nodes), "node"), count(len(pods(r)), "pod"), count(flows, "flow"),
		fmt.Sprintf("seed %d", r.Seed), r.Restart.Mode + " restarts",
	}
	if r.Restart.TimeScale != 1 {
		said[len(said)-1] += fmt.Sprintf(" (time x %g)", r.Restart.TimeScale)
	}
	return strings.Join(said, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
