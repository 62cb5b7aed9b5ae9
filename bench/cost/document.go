package cost

import (
	"encoding/json"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// ResultSchema names the form of the JSON document.
const ResultSchema = "bulkhead.cost-result/v1"

// Document is a judged record.
type Document struct {
	Run    *Run
	Result *Result
}

// Open reads and judges the record in dir.
func Open(dir string) (*Document, error) {
	lines, err := document.Open(dir, File, "", Read)
	if err != nil {
		return nil, err
	}
	requests, err := measure.ReadRequestsIn(dir)
	if err != nil {
		return nil, err
	}
	return &Document{lines[0].Run, Judge(lines, requests)}, nil
}

// JSON is the document as indented JSON with a final newline. Names of numbers end
// with their unit; durations are nanoseconds.
func (d *Document) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(struct {
		Schema string  `json:"schema"`
		Run    *Run    `json:"run"`
		Result *Result `json:"result"`
	}{ResultSchema, d.Run, d.Result}, "", "  ")
	return append(b, '\n'), err
}
