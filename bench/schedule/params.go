package schedule

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// Who runs an experiment, as its record says it.
type Who struct {
	Version    string
	Privileged bool // the machine's root, which cannot be found out inside a lab
}

// Check says what is wrong with an experiment for its own topology, whatever it is about. An error is a misuse.
func Check(e experiment.Experiment) error {
	t, err := Topology(e)
	if err != nil {
		return err
	}
	if e.Method.Fault == experiment.KeyTheft {
		return TheftParams(e, Who{}).Validate(t)
	}
	p, err := Params(e, Who{})
	if err != nil {
		return err
	}
	return p.Validate(t)
}

// Params is an experiment as a drill. An error is a misuse.
func Params(e experiment.Experiment, who Who) (drill.Params, error) {
	p := drill.Params{
		Culprit: e.Culprit, Seed: e.Seed, Repeat: e.Repeats, Version: who.Version, Privileged: who.Privileged,
		Restart: measure.Restart{Mode: e.Restart.Mode, TimeScale: e.Restart.TimeScale},
		Times:   times(e),
		Load:    drill.Load{Long: e.Load.Long, New: e.Load.New},
	}
	var err error
	if p.Fault, err = e.Fault(); err != nil {
		return p, &lab.Misuse{Sentence: err.Error()}
	}
	if p.Subjects, err = drill.Subjects(e.Isolations, p.Restart); err != nil {
		return p, err
	}
	if fault.Budgeted(p.Fault) {
		p.Subjects = drill.WithBudgetsOff(p.Subjects)
	}
	p.Subjects, err = drill.Over(e.Transports, p.Subjects)
	return p, err
}

func times(e experiment.Experiment) drill.Times {
	d := func(d experiment.Duration) time.Duration { return time.Duration(d) }
	return drill.Times{
		Steady: d(e.Steady.For), Settle: d(e.Steady.Within), Baseline: d(e.Steady.Baseline), Null: d(e.Steady.Control),
		Undone: d(e.Rollback.Undone), Observe: d(e.Method.Observe), Clean: d(e.Rollback.Clean),
		Period: d(e.Load.Period), Timeout: d(e.Load.Timeout),
	}
}

// TheftParams is the experiment that is about keys as a drill.
func TheftParams(e experiment.Experiment, who Who) theft.Params {
	return theft.Params{
		Isolations: e.Isolations, Culprit: e.Culprit, TimeScale: e.Restart.TimeScale, Version: who.Version, Privileged: who.Privileged,
	}
}

// Topology is what an experiment's lab is made of. An error is a *lab.Misuse.
func Topology(e experiment.Experiment) (lab.Topology, error) {
	if e.Method.Fault == experiment.KeyTheft {
		return theft.Topology(e.Culprit), nil
	}
	edges, denied := edgesOf(e.Graph.Edges), edgesOf(e.Graph.Denied)
	if len(e.Topology.Pods) == 0 {
		t := lab.Default()
		if len(edges) > 0 {
			t.Edges, t.Denied = edges, denied
		}
		return t, nil
	}
	plan := lab.Plan{Nodes: e.Topology.Nodes, Edges: edges, Denied: denied}
	for _, p := range e.Topology.Pods {
		plan.Pods = append(plan.Pods, lab.PlannedPod(p))
	}
	return lab.Compose(plan)
}

func edgesOf(all []experiment.Edge) (edges []lab.Edge) {
	for _, e := range all {
		edges = append(edges, lab.Edge{Name: e.Name, From: e.From, To: e.To, IPv6: e.IPv6})
	}
	return edges
}

// Foretell is what the oracle says of an experiment's subjects, before it has run. Of the experiment about keys it says nothing.
func Foretell(e experiment.Experiment) ([]drill.Foretold, error) {
	p, err := Params(e, Who{})
	if err != nil {
		return nil, err
	}
	t, err := Topology(e)
	return drill.Foretell(p, t), err
}
