package drill

import (
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Prediction is which flows a crash must hit.
type Prediction struct {
	Must    []int // whatever L is
	Waiting []int // their connections wait for Absence at least; see measure.Segment
	Absence time.Duration
}

// Predict derives, from graph and placement alone, what the crash of the data
// plane that serves the culprit must do. A flow is affected if and only if one of
// its ends is served by what died. Of those, connections that exist break with it.
// New ones are refused, unless the listening sockets outlive the process: then
// they wait for its successor, and whether that shows depends on how long it takes.
func Predict(run *measure.Run, s lab.Subject) Prediction {
	dead := served(run, s)
	var p Prediction
	held := s.OnNode() && s.Custody != lab.CustodyCell
	for _, f := range run.Flows {
		switch {
		case f.Sentinel, f.Denied, !dead[f.Client] && !dead[f.Server]:
		case f.Kind == load.New && held:
			p.Waiting = append(p.Waiting, f.ID)
		default:
			p.Must = append(p.Must, f.ID)
		}
	}
	if len(p.Waiting) > 0 {
		p.Absence = restartDelay(s)
	}
	return p
}

// foretell is the prediction for any fault. Those that end the process are crashes;
// of the others it is only certain whom they must not touch: flows with an end at
// what was struck may be hit, and no others.
func foretell(run *measure.Run, s lab.Subject, f fault.Fault) Prediction {
	switch f.Effect() {
	case fault.Spares, fault.EndsKeepers, fault.TouchesControl:
		return Prediction{} // cells carry on, and nobody needs a keeper, or control, for what is known
	case fault.ReplacesCells:
		return replaced(run, s)
	case fault.EndsNode:
		return fallen(run, s)
	case fault.RestartsNode:
		return rebooted(run, s)
	case fault.Stops:
		return stopped(run, s, lasting(f))
	case fault.PartsNode:
		return Prediction{Must: crossing(run)}
	case fault.ImpairsLink:
		return Prediction{Waiting: crossing(run)}
	case fault.SiftsLink:
		return Prediction{} // the drill's requests are small, and their tunnels exist
	case fault.Mutes:
		return muted(run, s, lasting(f))
	case fault.TakesOne:
		return Prediction{Waiting: onlyNew(run, stopped(run, alone(s), 0).Waiting)}
	case fault.Uncaptures: // its pod's own rules, whoever serves it
		return Prediction{Waiting: stopped(run, alone(s), 0).Waiting}
	case fault.Hampers:
		return Prediction{Waiting: hampered(run, s)}
	case fault.Forbids:
		return Prediction{Must: forbidden(run, s)}
	case fault.ForbidsAll:
		return Prediction{Must: ofTheMesh(run, s)}
	case fault.EndsSVIDs:
		return Prediction{Must: onlyNew(run, ofTheMesh(run, s))} // what is open has proven itself
	case fault.Burdens:
		return burdened(run, s)
	case fault.Drains:
		return drained(run, s)
	case fault.Moves:
		return moved(run, s)
	case fault.HampersPod:
		return Prediction{Waiting: hampered(run, alone(s))} // whoever serves it: others are not in the pod
	case fault.Ends:
	}
	return Predict(run, s)
}

// forbidden: the culprit's flows to the first server that it asks, by policy, which a
// data plane knows and nobody else.
func forbidden(run *measure.Run, s lab.Subject) (must []int) {
	server := ""
	for _, f := range run.Flows {
		if s.Isolation == lab.None || f.Sentinel || f.Denied || f.Client != run.Culprit {
			continue
		}
		if server == "" {
			server = f.Server
		}
		if f.Server == server {
			must = append(must, f.ID)
		}
	}
	return must
}

// ofTheMesh: what is told to every proxy reaches every flow, whoever serves it. Without a
// data plane nobody hears it.
func ofTheMesh(run *measure.Run, s lab.Subject) (must []int) {
	for _, f := range run.Flows {
		if s.Isolation != lab.None && !f.Sentinel && !f.Denied {
			must = append(must, f.ID)
		}
	}
	return must
}

// burdened: a cell is told of what it asked for, and its keeper has the rest. A sidecar works
// at all of it, with the CPU that its flows need.
func burdened(run *measure.Run, s lab.Subject) Prediction {
	if s.Isolation != lab.Sidecar {
		return Prediction{}
	}
	return Prediction{Waiting: ofTheMesh(run, s)}
}

// hampered: whoever shares the culprit's process, and the culprit itself where it has
// none, may be hit.
func hampered(run *measure.Run, s lab.Subject) (may []int) {
	set := served(run, s)
	set[run.Culprit] = true
	for _, f := range run.Flows {
		if !f.Sentinel && !f.Denied && (set[f.Client] || set[f.Server]) {
			may = append(may, f.ID)
		}
	}
	return may
}

// fallen: with its anchor a node loses cells and listening sockets, whatever the
// isolation and custody.
func fallen(run *measure.Run, s lab.Subject) Prediction {
	if !s.OnNode() {
		return Prediction{}
	}
	s.Isolation, s.Custody = lab.Shared, lab.CustodyCell
	return Predict(run, s)
}

// rebooted: with its node every workload loses what serves it, wherever that lives, and
// its listening sockets.
func rebooted(run *measure.Run, s lab.Subject) Prediction {
	if s.Isolation == lab.None {
		return Prediction{}
	}
	s.Isolation, s.Custody = lab.Shared, lab.CustodyCell
	return Predict(run, s)
}

// stopped: the sockets of a process that stands still are there, whoever has custody.
// New connections wait in the backlog, reused ones for an answer, until it goes on or
// is killed by a keeper that pings, and back.
func stopped(run *measure.Run, s lab.Subject, lasts time.Duration) (p Prediction) {
	dead := served(run, s)
	for _, f := range run.Flows {
		if !f.Sentinel && !f.Denied && (dead[f.Client] || dead[f.Server]) {
			p.Waiting = append(p.Waiting, f.ID)
		}
	}
	if len(p.Waiting) == 0 {
		return p
	}
	p.Absence = lasts
	if s.OnNode() && s.Liveness {
		p.Absence = min(lasts, lab.KeeperPatience)
	}
	return p
}

// muted: connections that exist go on, new ones wait for as long as it lasts, since no
// ping shows that they do.
func muted(run *measure.Run, s lab.Subject, lasts time.Duration) (p Prediction) {
	if p.Waiting = onlyNew(run, stopped(run, s, 0).Waiting); len(p.Waiting) > 0 {
		p.Absence = lasts
	}
	return p
}

// onlyNew is those of some flows that have a connection per request.
func onlyNew(run *measure.Run, flows []int) []int {
	return slices.DeleteFunc(flows, func(id int) bool { return run.Flows[id].Kind != load.New })
}

// alone is a subject as if nobody shared anything: for what strikes the culprit only.
func alone(s lab.Subject) lab.Subject {
	if s.Isolation != lab.None {
		s.Isolation = lab.PerWorkload
	}
	return s
}

// served is the set of workloads that the process which serves the culprit serves.
func served(run *measure.Run, s lab.Subject) map[string]bool {
	set := map[string]bool{}
	i := slices.IndexFunc(run.Workloads, func(w measure.Workload) bool { return w.Name == run.Culprit })
	if i < 0 {
		return set
	}
	culprit := run.Workloads[i]
	for _, w := range run.Workloads {
		if !w.Sentinel && shares(s.Isolation, culprit, w) {
			set[w.Name] = true
		}
	}
	return set
}

// shares says whether two workloads are served by one process.
func shares(isolation string, a, b measure.Workload) bool {
	node := a.Node == b.Node
	namespace := node && a.Namespace == b.Namespace
	switch isolation {
	case lab.Shared:
		return node
	case lab.Namespace:
		return namespace
	case lab.ServiceAccount:
		return namespace && a.ServiceAccount == b.ServiceAccount
	case lab.PerWorkload, lab.Sidecar:
		return a.Name == b.Name
	}
	return false // none
}

// restartDelay is how long the subject's process stays dead at least, at its first death.
func restartDelay(s lab.Subject) time.Duration {
	switch {
	case s.Isolation == lab.None:
		return 0
	case s.OnNode() && s.Cells != (lab.Policy{}):
		return s.Cells.Delay(0)
	case s.OnNode():
		return lab.KeeperPolicy.Delay(0)
	}
	return s.Restart.Delay(0)
}
