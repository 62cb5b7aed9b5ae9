package schedule

import (
	"cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

// About is what there is to read of an experiment: its own words, else those of the catalogue. A source goes with the
// incident that it tells of.
func About(e experiment.Experiment) suite.About {
	c := Catalogued(e.Method.Fault)
	if e.About.Incident != "" {
		c.Source = ""
	}
	return suite.About{
		Group: c.Group, Title: cmp.Or(e.About.Title, c.Does), Incident: cmp.Or(e.About.Incident, c.Incident),
		Source: cmp.Or(e.About.Source, c.Source), Expect: cmp.Or(e.About.Expect, c.Expect), Look: cmp.Or(e.About.Look, c.Look),
	}
}

// Catalogued is what the catalogue says of a name; nothing where it has none.
func Catalogued(name string) fault.About {
	if name == theft.Name {
		return theft.About()
	}
	f, err := fault.ByName(name)
	if err != nil {
		return fault.About{}
	}
	return f.About()
}

// Names is every name of the catalogue.
func Names() (names []string) {
	for _, f := range fault.All() {
		names = append(names, f.Name())
	}
	return append(names, theft.Name)
}
