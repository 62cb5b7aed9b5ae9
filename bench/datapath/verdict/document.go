package verdict

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// Document is a record.
type Document struct {
	Run
	Samples []Sample
	End     *End // nil: the run was killed
}

// Run is the first line: what was run, and on what.
type Run struct {
	Schema  string    `json:"schema"`
	Started time.Time `json:"started"`
	Build   string    `json:"build"` // of ours
	Go      string    `json:"go"`
	Kernel  string    `json:"kernel"`
	CPU     string    `json:"cpu"`
	CPUs    int       `json:"cpus"`
	Rounds  int       `json:"rounds"`
	Seed    int64     `json:"seed"` // of the order within each round
	// Placement says what ran where, for the reader.
	Placement string    `json:"placement"`
	Subjects  []Subject `json:"subjects"`
	Rows      []Row     `json:"rows"`
}

// Subject is one data plane under test.
type Subject struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"` // of its program
}

// Sample is one number of one subject in one round.
type Sample struct {
	Round   int     `json:"round"` // from 0
	Row     string  `json:"row"`
	Subject string  `json:"subject"`
	Metric  string  `json:"metric"`
	Value   float64 `json:"value"`
}

// End is the last line.
type End struct {
	Why   string   `json:"why,omitempty"`   // it did not go through
	Notes []string `json:"notes,omitempty"` // for the reader: what was noticed
}

// Bounds of a record.
const (
	maxRounds   = 1000
	maxSubjects = 64
	maxRows     = 256
	maxSamples  = 1 << 20
	maxValue    = 1e18
	maxName     = 200
)

// Schema names the form of the record.
const Schema = "bulkhead.datapath/v1"

// File is the record in its directory.
const File = "datapath.jsonl"

// In reports whether the directory holds a record of this kind.
func In(dir string) bool { return document.In(dir, File) }

// Open reads the record in dir.
func Open(dir string) (*Document, error) { return document.Open(dir, File, " of bench datapath", Read) }

// Save writes a record that is there as a whole; a run writes it line by line, see Writer.
func (d *Document) Save(dir string) error {
	w, err := NewWriter(dir, d.Run)
	if err != nil {
		return err
	}
	for _, s := range d.Samples {
		if err := w.Write(s); err != nil {
			w.Close()
			return err
		}
	}
	if d.End != nil {
		if err := w.End(*d.End); err != nil {
			w.Close()
			return err
		}
	}
	return w.Close()
}
