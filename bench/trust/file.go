package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxFile bounds what a reader takes into memory.
const maxFile = 64 << 20

// SchemaError is a record of another version.
type SchemaError struct{ Found string }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s has schema %q, this bulkhead reads %q", File, e.Found, Schema)
}

// NoRecordError is a directory without a record.
type NoRecordError struct{ Dir string }

func (e *NoRecordError) Error() string {
	return fmt.Sprintf("%s holds no record of a key-theft drill: it has no %s", e.Dir, File)
}

// Misuse marks the error for commands: the caller named the wrong directory.
func (e *NoRecordError) Misuse() bool { return true }

// In reports whether a directory has such a record.
func In(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, File))
	return err == nil
}

// Read reads the record in dir.
func Read(dir string) (*Record, error) {
	f, err := os.Open(filepath.Join(dir, File))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &NoRecordError{dir}
	}
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer f.Close()
	r, err := Decode(f)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", filepath.Join(dir, File), err)
	}
	return r, nil
}

// Decode reads a record strictly: another schema, an unknown key, anything after the
// value, and what Validate finds are errors.
func Decode(from io.Reader) (*Record, error) {
	b, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("more than %d bytes", maxFile)
	}
	var is struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &is); err != nil { // also refuses what follows the value
		return nil, err
	}
	if is.Schema != Schema {
		return nil, &SchemaError{is.Schema}
	}
	r := new(Record)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	return r, r.Validate()
}

// Encode is the text of a record.
func (r *Record) Encode() ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return append(b, '\n'), nil
}

// Write writes the record into dir, whole or not at all.
func (r *Record) Write(dir string) error {
	b, err := r.Encode()
	if err != nil {
		return err
	}
	name := filepath.Join(dir, File)
	if err := os.WriteFile(name+".tmp", b, 0o644); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
