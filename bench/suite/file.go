package suite

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// In reports whether a directory holds a suite.
func In(dir string) bool { return document.In(dir, File) }

// Read reads the suite in dir. An error may be a *document.NoRecordError.
func Read(dir string) (*Suite, error) { return document.Open(dir, File, " of a suite", Decode) }

// Decode reads suite.json strictly: another schema, an unknown key, anything after the value and anything that Validate
// finds are errors.
func Decode(r io.Reader) (*Suite, error) {
	s, err := document.Decode[Suite](r, File, Schema)
	if err != nil {
		return nil, err
	}
	return s, s.Validate()
}

// Write writes suite.json into dir, whole or not at all.
func (s *Suite) Write(dir string) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return document.Write(dir, File, append(b, '\n'))
}
