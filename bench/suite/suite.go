package suite

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Schema names the form of suite.json. A change that an older reader would misunderstand makes the next version.
const Schema = "bulkhead.suite/v1"

// File is the name of the file.
const File = "suite.json"

// How far an experiment came.
const (
	Done    = "done"
	Running = "running" // the process ended before it could say more
	Aborted = "aborted" // it began and did not end as it should; what it recorded is there
	NotRun  = "not run" // it has no record
)

// Suite is suite.json.
type Suite struct {
	Schema  string       `json:"schema"`
	ID      string       `json:"id"`      // name of the directory
	Started time.Time    `json:"started"` // wall clock, for people
	Version string       `json:"version"`
	Host    measure.Host `json:"host"`
	Seed    int64        `json:"seed"`    // of the order of the experiments; each has one of its own for its flows
	Command string       `json:"command"` // what repeats it
	Entries []Entry      `json:"entries"` // in the order of the table
	// Aborted is why the suite did not go through all of them.
	Aborted string `json:"aborted,omitempty"`
}

// Entry is one experiment of a suite.
type Entry struct {
	Dir        string                `json:"dir"`  // of its record, below the suite's
	Name       string                `json:"name"` // of the experiment
	Experiment experiment.Experiment `json:"experiment"`
	About      About                 `json:"about"`
	Status     string                `json:"status"`
	Why        string                `json:"why,omitempty"` // it was aborted or not run
}

// About is what people read of an experiment: its own words, and those of the catalogue where it has none.
type About struct {
	Group    string `json:"group"`
	Title    string `json:"title"` // what it does, in a few words
	Incident string `json:"incident"`
	Source   string `json:"source,omitempty"` // an address
	Expect   string `json:"expect"`
	Look     string `json:"look"`
}

// Recorded is how many entries have a record.
func (s *Suite) Recorded() (n int) {
	for i := range s.Entries {
		if s.Entries[i].Recorded() {
			n++
		}
	}
	return n
}
