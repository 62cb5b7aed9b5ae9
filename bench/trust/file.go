package trust

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// In reports whether a directory has such a record.
func In(dir string) bool { return document.In(dir, File) }

// Read reads the record in dir.
func Read(dir string) (*Record, error) {
	return document.Open(dir, File, " of a key-theft drill", Decode)
}

// Decode reads a record strictly: another schema, an unknown key, anything after the
// value, and what Validate finds are errors.
func Decode(from io.Reader) (*Record, error) {
	r, err := document.Decode[Record](from, File, Schema)
	if err != nil {
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
	return document.Write(dir, File, b)
}
