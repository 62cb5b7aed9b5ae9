package web

import (
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// Records are what a page is made of: one record, or those of a suite. All may be empty.
type Records struct {
	Drills  []Drill
	Trust   []*trust.Result
	Benches []Table // of other records: what bench isolation has measured
	// Command repeats the whole; empty: the commands of the single drills do.
	Command string
	// Caveats are sentences that whoever gathered the records has to add.
	Caveats []string
}

// Drill is the record of one, and what the catalogue says about it.
type Drill struct {
	*report.Document
	About About
	// File below the record's directory repeats it; empty: a command with flags does.
	File string
}

// About is what people should know of a fault before they look at its drill.
type About struct {
	Title    string // what it does
	Incident string
	Source   string // the address where that is told
	Expect   string
	Look     string
}

func (r Records) docs() (all []*report.Document) {
	for _, d := range r.Drills {
		all = append(all, d.Document)
	}
	return all
}

// Table is a record that is shown as its text.
type Table struct{ Title, Text string }
