// Package report shows a record: as a table for people and as JSON for programs.
//
// # Usage
//
//	doc, err := report.Read("out/20261123-201500-crash-7")
//	fmt.Print(doc.Table())
//	b, err := doc.JSON()
//
// Everything is computed from the record alone (invariant I8). The drill prints its
// table in the same way, from the record that it has just written, so the two
// cannot differ. A table is plain text without colours, at most 120 columns wide,
// the same bytes for the same record.
package report
