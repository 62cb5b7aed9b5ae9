package instrument

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Schema names the form of the JSON document.
const Schema = "bulkhead.instrument/v1"

// tolerance is how far two tools may be apart.
const tolerance = 0.10

// Result is every number of a check.
type Result struct {
	Schema  string  `json:"schema"`
	Repeat  int     `json:"repeat"`
	Seconds float64 `json:"seconds"` // of each measurement
	Rows    []Row   `json:"rows"`
}

// Row is one number as two tools have it, in turns.
type Row struct {
	Workload string    `json:"workload"`
	What     string    `json:"what"`
	Unit     string    `json:"unit"`
	Tool     string    `json:"tool"` // theirs
	Ours     []float64 `json:"ours"`
	Theirs   []float64 `json:"theirs"`
	Judged   bool      `json:"judged"`
}

// Apart is how far the median of ours is from that of theirs, as a part of theirs.
func (r Row) Apart() float64 {
	return (median(r.Ours) - median(r.Theirs)) / median(r.Theirs)
}

// Agrees reports whether they are within the tolerance.
func (r Row) Agrees() bool { a := r.Apart(); return a <= tolerance && a >= -tolerance }

// median is the lower one of an even number.
func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)/2]
}

// Disagreements are the judged rows in which the tools do not agree.
func (r *Result) Disagreements() (all []string) {
	for _, row := range r.Rows {
		if row.Judged && !row.Agrees() {
			all = append(all, fmt.Sprintf("%s: %s: %+.1f %% against %s", row.Workload, row.What, 100*row.Apart(), row.Tool))
		}
	}
	return all
}

// JSON is the result as indented JSON with a final newline.
func (r *Result) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// Table is the result for people.
func (r *Result) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "load and recorder against tools that are not ours: medians of %d measurements of %.0f s each, in turns\n", r.Repeat, r.Seconds)
	workload := ""
	for _, row := range r.Rows {
		if row.Workload != workload {
			workload = row.Workload
			fmt.Fprintf(&b, "\n%s\n", workload)
		}
		verdict := "within 10 %"
		switch {
		case !row.Judged:
			verdict = "not judged: wrk waits while the path stalls"
		case !row.Agrees():
			verdict = "NOT within 10 %"
		}
		fmt.Fprintf(&b, "  %-15s ours %8.2f %-5s  %-6s %8.2f %-5s  %+6.1f %%  %s\n", row.What, median(row.Ours), row.Unit, row.Tool, median(row.Theirs), row.Unit, 100*row.Apart(), verdict)
	}
	return b.String()
}
