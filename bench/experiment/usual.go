package experiment

import (
	"bytes"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
)

// The usual topology as far as a file can be checked against it: package schedule tests that it is the lab's.
var (
	usualTenants = []string{"tenant-a", "tenant-b", "tenant-c"}
	usualApps    = []string{"web", "checkout", "catalog", "db"}
)

const usualEdges = 14

// usual is what a file that says nothing means. It has neither name nor fault.
func usual() Experiment {
	seconds := func(s float64) Duration { return Duration(s * float64(time.Second)) }
	return Experiment{
		Steady:     Steady{For: seconds(1), Within: seconds(20), Baseline: seconds(3), Control: seconds(3)},
		Method:     Method{Observe: seconds(8)},
		Rollback:   Rollback{Clean: seconds(2), Undone: seconds(3)},
		Culprit:    "tenant-a/checkout",
		Load:       Load{Period: seconds(0.05), Timeout: seconds(2)},
		Restart:    Restart{Mode: "kubelet", TimeScale: 0.1},
		Transports: []string{"http2"},
		Repeats:    1, Seed: 7,
	}
}

// Of is the experiment of a name of the catalogue. An error is a *fault.UnknownError.
func Of(name string) (Experiment, error) {
	e := usual()
	e.Name, e.Method.Fault = name, name
	e.Isolations = usualIsolations(name)
	if name == KeyTheft {
		return e, nil
	}
	f, err := fault.ByName(name)
	if timed, ok := f.(fault.Timed); ok {
		e.Method.For = Duration(timed.Lasts())
	}
	return e, err
}

// OfFlags reports whether a name of the catalogue with flags of drill run is the same experiment.
// Another one can be repeated from its file alone.
func (e Experiment) OfFlags() bool {
	u, err := Of(e.Method.Fault)
	if err != nil {
		return false
	}
	u.Isolations, u.Transports, u.Culprit, u.Seed, u.Repeats, u.Restart = e.Isolations, e.Transports, e.Culprit, e.Seed, e.Repeats, e.Restart
	u.Load.Long, u.Load.New = e.Load.Long, e.Load.New
	return bytes.Equal(u.YAML(), e.YAML()) // what is empty and what is missing are the same there
}

// HasLength reports whether a fault stands for a time that can be chosen.
func HasLength(f fault.Fault) bool {
	timed, ok := f.(fault.Timed)
	return ok && timed.Lasts() > 0
}

// usualIsolations are those of the usual table.
func usualIsolations(name string) []string {
	if name == KeyTheft {
		return []string{"sidecar", "workload", "service-account", "namespace", "shared"}
	}
	return []string{"sidecar", "workload", "shared"}
}

// fill gives what depends on other values.
func (e *Experiment) fill(r *reader) {
	if !r.given("name") {
		e.Name = e.Method.Fault
	}
	if !r.given("isolations") {
		e.Isolations = usualIsolations(e.Method.Fault)
	}
}

// pods are the names of all workloads.
func (e *Experiment) pods() (names []string) {
	for _, p := range e.Topology.Pods {
		names = append(names, p.Name())
	}
	if len(names) > 0 {
		return names
	}
	for _, tenant := range usualTenants {
		for _, app := range usualApps {
			names = append(names, tenant+"/"+app)
		}
	}
	return names
}

// edges is how many edges the graph has.
func (e *Experiment) edges() int {
	if n := len(e.Graph.Edges); n > 0 {
		return n
	}
	return usualEdges
}

// Fault is the fault with the length and the strength that the experiment gives it. Key-theft has none.
func (e *Experiment) Fault() (fault.Fault, error) {
	f, err := fault.ByName(e.Method.Fault)
	if err != nil {
		return nil, err
	}
	if s, ok := f.(fault.Scaled); ok && e.Method.Times != nil {
		f = s.Times(*e.Method.Times)
	}
	if t, ok := f.(fault.Timed); ok && e.Method.For > 0 {
		f = t.For(time.Duration(e.Method.For))
	}
	return f, nil
}

// Each is one experiment for each strength of the sweep; without a sweep it is the experiment itself.
func (e Experiment) Each() []Experiment {
	var all []Experiment
	for _, n := range e.Method.Sweep {
		one := e.Clone()
		one.Name = e.Name + "-" + string(rune('0'+n)) + "x"
		one.Method.Times, one.Method.Sweep = new(n), nil
		all = append(all, one)
	}
	if len(all) == 0 {
		return []Experiment{e}
	}
	return slices.Clip(all)
}
