package experiment

import (
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
)

// check says what is wrong between the values of a file.
func (e *Experiment) check(r *reader) {
	e.checkMethod(r)
	e.checkPods(r)
	e.checkGraph(r)
	e.checkLoad(r)
	for i, name := range e.Isolations {
		if slices.Contains(e.Isolations[:i], name) {
			r.at(index("isolations", i), "%s is given twice: keep one of them", name)
		}
	}
	if e.Steady.For > e.Steady.Within {
		r.at("steady.for", "%v is longer than steady.within, %v: no steady state can be that long", time.Duration(e.Steady.For), time.Duration(e.Steady.Within))
	}
}

// notOfTheft is what has no meaning for the experiment that is about keys.
var notOfTheft = []string{
	"method.for", "method.times", "method.sweep", "method.observe", "steady", "rollback", "graph", "topology", "load", "repeats", "transports",
}

func (e *Experiment) checkMethod(r *reader) {
	m := e.Method
	if m.Fault == KeyTheft {
		for _, path := range notOfTheft {
			if r.given(path) {
				r.at(path, "%s has nothing of the kind: leave it out", KeyTheft)
			}
		}
		return
	}
	f, err := fault.ByName(m.Fault)
	if err != nil {
		r.at("method.fault", "%v, %s", err, KeyTheft)
		return
	}
	_, scaled := f.(fault.Scaled)
	switch {
	case !HasLength(f) && r.given("method.for"):
		r.at("method.for", "%s has no length that could be chosen: leave it out", m.Fault)
	case !scaled && r.given("method.times"):
		r.at("method.times", "%s has no strength: leave it out", m.Fault)
	case !scaled && r.given("method.sweep"):
		r.at("method.sweep", "%s has no strength: leave it out", m.Fault)
	case m.Times != nil && len(m.Sweep) > 0:
		r.at("method.times", "there is a sweep, too: keep one of them")
	}
	for i, n := range m.Sweep {
		if slices.Contains(m.Sweep[:i], n) {
			r.at(index("method.sweep", i), "%d is given twice: keep one of them", n)
		}
	}
}

func (e *Experiment) checkPods(r *reader) {
	var seen []string
	for i, p := range e.Topology.Pods {
		path := index("topology.pods", i)
		if slices.Contains(seen, p.Name()) {
			r.at(path, "%s is given twice: keep one of them", p.Name())
		}
		if p.Node > e.Topology.Nodes {
			r.at(path+".node", "%d is no node: use 1 to %d", p.Node, e.Topology.Nodes)
		}
		seen = append(seen, p.Name())
	}
	if all := e.pods(); e.Method.Fault != KeyTheft && !slices.Contains(all, e.Culprit) { // that one has a lab of its own
		r.at("culprit", "%q is no pod of the topology: use one of %s", e.Culprit, strings.Join(all, ", "))
	}
	if len(e.Topology.Pods) > 0 && len(e.Graph.Edges) == 0 {
		r.at("topology", "nobody asks anybody in it: give a graph, too")
	}
}

func (e *Experiment) checkGraph(r *reader) {
	pods := e.pods()
	for path, edges := range map[string][]Edge{"graph.edges": e.Graph.Edges, "graph.denied": e.Graph.Denied} {
		for i, edge := range edges {
			e.checkEdge(r, index(path, i), edge, pods)
		}
	}
}

func (e *Experiment) checkEdge(r *reader, path string, edge Edge, pods []string) {
	from, _, _ := strings.Cut(edge.From, "/")
	to, _, _ := strings.Cut(edge.To, "/")
	switch {
	case !slices.Contains(pods, edge.From):
		r.at(path+".from", "%q is no pod of the topology: use one of %s", edge.From, strings.Join(pods, ", "))
	case !slices.Contains(pods, edge.To):
		r.at(path+".to", "%q is no pod of the topology: use one of %s", edge.To, strings.Join(pods, ", "))
	case edge.From == edge.To:
		r.at(path, "a pod that asks itself meets no data plane: name two pods")
	case from != to && edge.Name == "":
		r.at(path, "it leads from namespace %s to %s: give it a name that says what for", from, to)
	}
	for _, end := range []string{edge.From, edge.To} {
		if i := slices.IndexFunc(e.Topology.Pods, func(p Pod) bool { return p.Name() == end }); edge.IPv6 && i >= 0 && !e.Topology.Pods[i].IPv6 {
			r.at(path+".ipv6", "%s has no IPv6 address: leave out its ipv6: false, or this", end)
		}
	}
}

func (e *Experiment) checkLoad(r *reader) {
	n := e.edges()
	switch l := e.Load; {
	case l.Long != 0 && l.Long < n:
		r.at("load.long", "%d long-lived connections: use %d or more, or 0 for one of each of the %d edges", l.Long, n, n)
	case l.New != 0 && l.New < 10*n:
		r.at("load.new", "%d new connections per second: use %d or more, ten for each of the %d edges, or 0", l.New, 10*n, n)
	}
}
