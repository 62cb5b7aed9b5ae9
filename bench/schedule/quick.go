package schedule

import (
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
)

// Incidents are the drills of the quick suite, in the order of its table.
var Incidents = []string{
	"crash", "crash-loop", "hang", "half-dead", "poison", "keeper-crash",
	"memory-leak", "fd-flood", "noisy-neighbour", "slow-reader", "app-hog", "partition",
}

// window is that of the quick suite: a fault stands for so long, and so long are its controls.
const window = experiment.Duration(4 * time.Second)

// Quick is the incident drills with short windows. Missing are those that this catalogue does not have.
func Quick() (all []experiment.Experiment, missing []string) {
	for _, name := range Incidents {
		if !slices.Contains(Names(), name) {
			missing = append(missing, name)
			continue
		}
		e := catalogued(name)
		e.Steady.Baseline = experiment.Duration(time.Second)
		e.Steady.Control, e.Rollback.Undone = window, window
		if e.Method.For > 0 {
			e.Method.For = window
		}
		all = append(all, e)
	}
	return all, missing
}

// All is every experiment of the catalogue but the null drill, which each of the others contains.
func All() (all []experiment.Experiment) {
	for _, name := range Names() {
		if name != "null" {
			all = append(all, catalogued(name))
		}
	}
	return all
}

// catalogued is the experiment of a name that the catalogue has.
func catalogued(name string) experiment.Experiment {
	e, err := experiment.Of(name)
	if err != nil { // Names is wrong then
		panic("schedule: " + err.Error())
	}
	return e
}
