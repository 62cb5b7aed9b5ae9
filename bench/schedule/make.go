package schedule

import (
	"path/filepath"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/drill"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// File is an experiment beside its record, as it was run: another run of it is bulkhead drill run THAT_FILE.
const File = "experiment.yaml"

// waiting is why an entry has no record as long as nobody says more.
const waiting = "its turn had not come when the process ended"

// New is a suite before anything has run. Two experiments of one name are a *lab.Misuse.
func New(all []experiment.Experiment, seed int64, command string, who Who, started time.Time) (*suite.Suite, error) {
	s := &suite.Suite{
		Schema: suite.Schema, Started: started.UTC().Truncate(time.Second), Version: who.Version, Host: drill.Host(who.Privileged),
		Seed: seed, Command: command,
	}
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.Name] {
			return nil, &lab.Misuse{Sentence: "two experiments are named " + e.Name + ": give one of them another name"}
		}
		seen[e.Name] = true
		s.Entries = append(s.Entries, suite.Entry{Dir: e.Name, Name: e.Name, Experiment: e, About: About(e), Status: suite.NotRun, Why: waiting})
	}
	return s, nil
}

// Keep writes an experiment beside its record.
func Keep(dir string, e experiment.Experiment) error { return document.Write(dir, File, e.YAML()) }

// Kept reads it again.
func Kept(dir string) (experiment.Experiment, error) {
	return experiment.Read(filepath.Join(dir, File))
}
