package experiment

import (
	"math"
	"slices"
	"time"
)

// Names of things that the lab has too; package schedule tests that they are the same.
var (
	Isolations = []string{"none", "sidecar", "workload", "service-account", "namespace", "shared"}
	Restarts   = []string{"kubelet", "equal"}
	Transports = []string{"http2", "quic"}
)

// KeyTheft is the experiment that is about keys and not about flows: no fault of the catalogue.
const KeyTheft = "key-theft"

// Bounds of what one machine carries.
const (
	maxNodes    = 8
	maxPods     = 40
	maxEdges    = 60
	maxStrength = 8
	longest     = 10 * time.Minute
)

const (
	labelPattern = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	labelAs      = "a name of small letters, digits and dashes"
	podPattern   = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	podAs        = "a pod as namespace/app"
)

// table is the whole file.
func (e *Experiment) table() object {
	return object{
		{"name", "of the experiment and of its record's directory", false, like(&e.Name, labelPattern, labelAs)},
		{"about", "what people read of it; what is left out the catalogue says of its fault", false, e.About.table()},
		{"steady", "the steady state, without which nothing is measured", false, e.Steady.table()},
		{"method", "what breaks it", true, e.Method.table()},
		{"rollback", "what must be true when the fault has been undone", false, e.Rollback.table()},
		{"culprit", "the workload whose data plane is struck, as namespace/app", false, like(&e.Culprit, podPattern, podAs)},
		{"graph", "who asks whom; left out: the graph of the usual topology", false, e.Graph.table()},
		{"topology", "nodes and pods; left out: 3 nodes and 12 pods of 3 tenants", false, e.Topology.table()},
		{"load", "what the edges carry", false, e.Load.table()},
		{"isolations", "what is compared, in the order of the table; shared makes two rows", false,
			list[string]{&e.Isolations, func(s *string) shape { return oneOf(s, Isolations...) }, 1, len(Isolations)}},
		{"transports", "what carries tunnels, a row of each isolation for each", false,
			list[string]{&e.Transports, func(s *string) shape { return oneOf(s, Transports...) }, 1, len(Transports)}},
		{"repeats", "how often every isolation has its turn", false, whole(&e.Repeats, 1, 1000)},
		{"seed", "of the order of turns and the offsets of flows", false, whole(&e.Seed, math.MinInt64, math.MaxInt64)},
		{"restart", "how what died comes back", false, e.Restart.table()},
	}
}

func (a *About) table() object {
	return object{
		{"title", "what it does, in a few words", false, text(&a.Title, 200)},
		{"incident", "what happened to whom", false, text(&a.Incident, 2000)},
		{"source", "the address where that is told", false, like(&a.Source, `^https?://[^\s]{1,500}$`, "an address that begins with https://")},
		{"expect", "what the isolations should show", false, text(&a.Expect, 2000)},
		{"look", "what to look for in the report", false, text(&a.Look, 2000)},
	}
}

func (s *Steady) table() object {
	return object{
		{"for", "nothing may fail for so long", false, span(&s.For, 100*time.Millisecond, time.Minute)},
		{"within", "and it must get there within this", false, span(&s.Within, time.Second, longest)},
		{"baseline", "how long each segment watches before its fault", false, span(&s.Baseline, 500*time.Millisecond, longest)},
		{"control", "how long the control segment watches without a fault, and the least after one", false, span(&s.Control, time.Second, longest)},
	}
}

func (m *Method) table() object {
	return object{
		{"fault", "a name of the catalogue: bulkhead drill list", true, like(&m.Fault, labelPattern, "a name that bulkhead drill list shows")},
		{"for", "how long the fault stands; left out: as the catalogue has it", false, span(&m.For, 100*time.Millisecond, longest)},
		{"times", "how strong it is; 0 is nothing, 1 what one workload usually does", false, some(&m.Times, 0, maxStrength)},
		{"sweep", "an experiment for each of these strengths", false,
			list[int]{&m.Sweep, func(n *int) shape { return whole(n, 0, maxStrength) }, 1, maxStrength + 1}},
		{"observe", "the longest time to watch after the fault", false, span(&m.Observe, time.Second, longest)},
	}
}

func (b *Rollback) table() object {
	return object{
		{"clean", "nothing bad for so long is a recovery", false, span(&b.Clean, 500*time.Millisecond, time.Minute)},
		{"undone", "how long to watch after the undo: an error in that time is a finding", false, span(&b.Undone, time.Second, longest)},
	}
}

func (g *Graph) table() object {
	edges := func(to *[]Edge, least int) shape {
		return list[Edge]{to, func(e *Edge) shape { return e.table() }, least, maxEdges}
	}
	return object{
		{"edges", "who asks whom", true, edges(&g.Edges, 1)},
		{"denied", "what a policy forbids, and is tried all the same", false, edges(&g.Denied, 0)},
	}
}

func (e *Edge) table() object {
	return object{
		{"from", "the client, as namespace/app", true, like(&e.From, podPattern, podAs)},
		{"to", "the server, as namespace/app", true, like(&e.To, podPattern, podAs)},
		{"name", "what it is for: an edge between two namespaces must say that", false, text(&e.Name, 100)},
		{"ipv6", "over IPv6, where the kernel has it", false, truth(&e.IPv6, false)},
	}
}

func (t *Topology) table() object {
	return object{
		{"nodes", "how many", true, unless{whole(&t.Nodes, 1, maxNodes), t.Nodes == 0}},
		{"pods", "each with one application; edges lead to them", true, list[Pod]{&t.Pods, func(p *Pod) shape { return p.table() }, 2, maxPods}},
	}
}

func (p *Pod) table() object {
	if *p == (Pod{}) {
		p.IPv6 = true // where nobody says otherwise
	}
	return object{
		{"namespace", "its tenant", true, like(&p.Namespace, labelPattern, labelAs)},
		{"app", "its name within the namespace", true, like(&p.App, labelPattern, labelAs)},
		{"account", "its service account; left out: named as the app", false, like(&p.Account, labelPattern, labelAs)},
		{"node", "the number of its node, from 1", true, whole(&p.Node, 1, maxNodes)},
		{"ipv6", "whether it has an IPv6 address, too; left out: it has", false, truth(&p.IPv6, true)},
	}
}

func (l *Load) table() object {
	return object{
		{"period", "between two requests of a flow", false, span(&l.Period, 10*time.Millisecond, 100*time.Millisecond)},
		{"long", "long-lived connections in all; 0: one for each edge", false, whole(&l.Long, 0, 800)},
		{"new", "new connections per second in all; 0: as many as the period makes for each edge", false, whole(&l.New, 0, 5000)},
		{"timeout", "of a request", false, span(&l.Timeout, 100*time.Millisecond, time.Minute)},
	}
}

func (r *Restart) table() object {
	return object{
		{"mode", "kubelet: what a kubelet restarts has its back-off, cells have their keeper's; equal: everything has the kubelet's", false, oneOf(&r.Mode, slices.Clone(Restarts)...)},
		{"timeScale", "what the kubelet's delays are multiplied with", false, number(&r.TimeScale, 0.001, 1)},
	}
}
