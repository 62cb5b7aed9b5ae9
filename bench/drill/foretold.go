package drill

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Foretold is what the oracle says of one subject, counted.
type Foretold struct {
	Subject       string
	Must, Waiting int // flows
	Flows         int // of all that are judged
	Absence       time.Duration
}

// Foretell is what the drill of some parameters predicts of each subject, before it has run.
func Foretell(p Params, t lab.Topology) (all []Foretold) {
	run := plan(p, t, "", time.Time{})
	flows := 0
	for _, f := range run.Flows {
		if !f.Sentinel && !f.Denied {
			flows++
		}
	}
	for _, s := range p.Subjects {
		said := foretell(run, s, p.Fault)
		all = append(all, Foretold{Subject: s.Name, Must: len(said.Must), Waiting: len(said.Waiting), Flows: flows, Absence: said.Absence})
	}
	return all
}
