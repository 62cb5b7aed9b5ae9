// Package document reads and writes the files of a record: run.json of a drill,
// trust.json of a key-theft drill.
//
//	run, err := document.Open(dir, "run.json", "", func(r io.Reader) (*Run, error) {
//		return document.Decode[Run](r, "run.json", "bulkhead.run/v1")
//	})
//	err := document.Write(dir, "run.json", text)
//
// A document is one JSON value whose "schema" names its form and version. It is read
// strictly, 64 MiB at most: a record that is understood in part would be judged wrong. It
// is written whole or not at all. What its values mean, and whether they fit together, is
// its own package's business. Nothing is kept between calls.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxBytes bounds what a reader takes into memory.
const maxBytes = 64 << 20

// SchemaError is a document of another version.
type SchemaError struct{ File, Found, Wanted string }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s has schema %q, this bulkhead reads %q", e.File, e.Found, e.Wanted)
}

// NoRecordError is a directory without one of the files of a record.
type NoRecordError struct {
	Dir, File string
	Of        string // what the record would be of, with a blank before it; empty: any
}

func (e *NoRecordError) Error() string {
	return fmt.Sprintf("%s holds no record%s: it has no %s", e.Dir, e.Of, e.File)
}

// Misuse marks the error for commands: the caller named the wrong directory.
func (e *NoRecordError) Misuse() bool { return true }

// In reports whether a directory has the file.
func In(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// Open reads a file of the record in dir by read; of is for a *NoRecordError.
func Open[T any](dir, file, of string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(filepath.Join(dir, file))
	if errors.Is(err, os.ErrNotExist) {
		return none, &NoRecordError{dir, file, of}
	}
	if err != nil {
		return none, fmt.Errorf("record: %w", err)
	}
	defer f.Close()
	v, err := read(f)
	if err != nil {
		return none, fmt.Errorf("record %s: %w", filepath.Join(dir, file), err)
	}
	return v, nil
}

// Decode reads a document strictly: another schema, an unknown key and anything after
// the value are errors. It does not look at what the values mean.
func Decode[T any](from io.Reader, file, schema string) (*T, error) {
	b, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxBytes {
		return nil, fmt.Errorf("more than %d bytes", maxBytes)
	}
	// The schema first and by itself: what is unknown in another version is not an
	// unknown key, and the sentence should say so. This also refuses what follows the value.
	var is struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &is); err != nil {
		return nil, err
	}
	if is.Schema != schema {
		return nil, &SchemaError{file, is.Schema, schema}
	}
	v := new(T)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return nil, err
	}
	return v, nil
}

// Write writes a file of the record in dir, whole or not at all.
func Write(dir, file string, text []byte) error {
	name := filepath.Join(dir, file)
	err := os.WriteFile(name+".tmp", text, 0o644)
	if err == nil {
		err = os.Rename(name+".tmp", name)
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
