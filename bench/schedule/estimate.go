package schedule

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// What a turn costs besides its windows, on two cores: where no lab has been seen yet these are taken for it.
const (
	upTakes    = 4 * time.Second
	nodeTakes  = 4 * time.Second // to place and to displace a data plane of a node, and to start its load
	podTakes   = 8 * time.Second // of sidecars
	theftTakes = 25 * time.Second
)

// Estimate is how long some experiments take, about: their turns, and a lab for each topology.
func Estimate(all []experiment.Experiment) (total time.Duration) {
	var trials []*trial
	for _, e := range all {
		t, err := newTrial(&suite.Entry{Experiment: e})
		if err != nil {
			continue // whoever runs it says so
		}
		trials = append(trials, t)
		for _, turn := range t.foreseen {
			total += turn * time.Duration(e.Repeats)
		}
	}
	return total + upTakes*time.Duration(len(groupsOf(trials)))
}

// TurnOf is how long the turn of one subject takes, about.
func TurnOf(e experiment.Experiment) (d time.Duration) {
	turns := turnsOf(e)
	for _, turn := range turns {
		d += turn
	}
	if e.Method.Fault == experiment.KeyTheft {
		return theftTakes
	}
	return d / time.Duration(max(len(turns), 1))
}

// turnsOf is how long the turn of each subject takes, about.
func turnsOf(e experiment.Experiment) (all []time.Duration) {
	if e.Method.Fault == experiment.KeyTheft {
		return []time.Duration{theftTakes * time.Duration(len(e.Isolations))} // one turn has them all
	}
	p, err := Params(e, Who{})
	if err != nil {
		return nil // whoever runs it says so
	}
	for _, s := range p.Subjects {
		all = append(all, p.Times.Turn(p.Fault)+placing(s))
	}
	return all
}

func placing(s lab.Subject) time.Duration {
	switch {
	case s.Isolation == lab.None:
		return 0
	case s.OnNode():
		return nodeTakes
	}
	return podTakes
}

// clock says how long the rest takes: the estimate, corrected by how right it was so far.
type clock struct {
	spent, foreseen time.Duration // of the turns that have ended
	rest            time.Duration // foreseen for those that have not
	began           time.Time     // when the turn that goes on began
}

// ended is told of a turn.
func (c *clock) ended(foreseen time.Duration) {
	c.spent += time.Since(c.began)
	c.foreseen += foreseen
	c.rest -= foreseen
}

// left is never less than a second: something goes on.
func (c *clock) left() time.Duration {
	rest := c.rest
	if c.foreseen > 0 {
		rest = time.Duration(float64(c.rest) * float64(c.spent) / float64(c.foreseen))
	}
	return max(rest-time.Since(c.began), time.Second)
}
