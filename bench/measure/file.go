package measure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// maxRunFile bounds what a reader takes into memory.
const maxRunFile = 64 << 20

// SchemaError is a run.json of another version.
type SchemaError struct{ Found string }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s has schema %q, this bulkhead reads %q", RunFile, e.Found, Schema)
}

// NoRecordError is a directory without one of the files of a record.
type NoRecordError struct{ Dir, File string }

func (e *NoRecordError) Error() string {
	return fmt.Sprintf("%s holds no record: it has no %s", e.Dir, e.File)
}

// Misuse marks the error for commands: the caller named the wrong directory.
func (e *NoRecordError) Misuse() bool { return true }

// Read reads the record in dir.
func Read(dir string) (*Run, []load.Record, error) {
	run, err := readFile(dir, RunFile, ReadRun)
	if err != nil {
		return nil, nil, err
	}
	requests, err := ReadRequestsIn(dir)
	return run, requests, err
}

// ReadRequestsIn reads the requests of the record in dir.
func ReadRequestsIn(dir string) ([]load.Record, error) {
	return readFile(dir, RequestsFile, ReadRequests)
}

func readFile[T any](dir, name string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return none, &NoRecordError{dir, name}
	}
	if err != nil {
		return none, fmt.Errorf("record: %w", err)
	}
	defer f.Close()
	v, err := read(f)
	if err != nil {
		return none, fmt.Errorf("record %s: %w", filepath.Join(dir, name), err)
	}
	return v, nil
}

// ReadRun reads run.json strictly: another schema, an unknown key, anything after
// the value and anything that Validate finds are errors.
func ReadRun(r io.Reader) (*Run, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxRunFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxRunFile {
		return nil, fmt.Errorf("more than %d bytes", maxRunFile)
	}
	// The schema first and by itself: what is unknown in another version is not an
	// unknown key, and the sentence should say so.
	var is struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &is); err != nil {
		return nil, err
	}
	if is.Schema != Schema {
		return nil, &SchemaError{is.Schema}
	}
	run := new(Run)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(run); err != nil {
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
	name := filepath.Join(dir, RunFile)
	if err := os.WriteFile(name+".tmp", append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
