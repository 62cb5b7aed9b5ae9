package report

import (
	"bytes"
	"encoding/json"
)

// List is several reports as one JSON value: a list of documents. Each stands for itself,
// as it does alone.
func List(documents [][]byte) ([]byte, error) {
	all := make([]json.RawMessage, len(documents))
	for i, d := range documents {
		all[i] = bytes.TrimSpace(d)
	}
	b, err := json.MarshalIndent(all, "", "  ")
	return append(b, '\n'), err
}
