package measure

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// SchemaError is a run.json of another version, NoRecordError a directory without one of
// the files of a record.
type (
	SchemaError   = document.SchemaError
	NoRecordError = document.NoRecordError
)

// Read reads the record in dir.
func Read(dir string) (*Run, []load.Record, error) {
	run, err := document.Open(dir, RunFile, "", ReadRun)
	if err != nil {
		return nil, nil, err
	}
	requests, err := ReadRequestsIn(dir)
	return run, requests, err
}

// ReadRequestsIn reads the requests of the record in dir.
func ReadRequestsIn(dir string) ([]load.Record, error) {
	return document.Open(dir, RequestsFile, "", ReadRequests)
}

// ReadRun reads run.json strictly: another schema, an unknown key, anything after
// the value and anything that Validate finds are errors.
func ReadRun(r io.Reader) (*Run, error) {
	run, err := document.Decode[Run](r, RunFile, Schema)
	if err != nil {
		return nil, err
	}
	return run, run.Validate()
}

// WriteRun writes run.json into dir, whole or not at all.
func WriteRun(dir string, run *Run) error {
	if err := run.Validate(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	b, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return document.Write(dir, RunFile, append(b, '\n'))
}
