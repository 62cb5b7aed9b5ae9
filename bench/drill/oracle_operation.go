package drill

import (
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// replaced: long-lived connections end with their process at the drain's deadline, and
// nothing else is touched. Without custody there is a moment in which nobody listens.
func replaced(run *measure.Run, s lab.Subject) (p Prediction) {
	for _, f := range run.Flows {
		switch {
		case f.Sentinel || f.Denied || !s.OnNode():
		case f.Kind == load.Reused:
			p.Must = append(p.Must, f.ID)
		case s.Custody == lab.CustodyCell:
			p.Waiting = append(p.Waiting, f.ID)
		}
	}
	return p
}

// drained: the culprit's connections are refused or cut, both ways, whoever else is served by
// the same process. A sidecar takes no such order.
func drained(run *measure.Run, s lab.Subject) (p Prediction) {
	if s.OnNode() {
		p.Must = stopped(run, alone(s), 0).Waiting
	}
	return p
}

// moved: the culprit's long-lived connections end with the drain of what it leaves. If that
// was shared it is replaced, since it held the culprit's key: the others' may end, too.
// Without custody there is a moment in which nobody listens, for whoever was served there.
func moved(run *measure.Run, s lab.Subject) (p Prediction) {
	if !s.OnNode() {
		return p
	}
	for _, id := range hampered(run, s) {
		f := run.Flows[id]
		switch own := f.Client == run.Culprit || f.Server == run.Culprit; {
		case f.Kind == load.Reused && own:
			p.Must = append(p.Must, id)
		case f.Kind == load.Reused || s.Custody == lab.CustodyCell:
			p.Waiting = append(p.Waiting, id)
		}
	}
	return p
}
