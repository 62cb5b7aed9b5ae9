package cost

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// File is the record's own file in its directory; measure.RequestsFile is beside it.
const File = "cost.jsonl"

// Bounds of a record: they keep a damaged one from costing the reader its memory.
const (
	maxLine  = 1 << 20
	maxLines = 1 << 18
)

// In reports whether the directory holds a record of this kind.
func In(dir string) bool { return document.In(dir, File) }

// Read reads cost.jsonl strictly: another schema, an unknown key, a line out of its
// place or a value out of bounds are errors. The first line is a Run.
func Read(r io.Reader) ([]Line, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	var all []Line
	var c checker
	for in.Scan() {
		l, err := parse(in.Bytes())
		if err == nil {
			err = c.check(l)
		}
		if err == nil && len(all) == maxLines {
			err = fmt.Errorf("more than %d lines", maxLines)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, l)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("after line %d: %w", len(all), err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	return all, nil
}

func parse(b []byte) (l Line, err error) {
	// The schema by itself: what is unknown in another version is not an unknown key,
	// and the sentence should say so.
	var is struct{ Run *struct{ Schema string } }
	if err := json.Unmarshal(b, &is); err != nil {
		return l, err
	}
	if is.Run != nil && is.Run.Schema != Schema {
		return l, fmt.Errorf("schema %q, this bulkhead reads %q", is.Run.Schema, Schema)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return l, d.Decode(&l)
}

// Writer writes a record: each line is in the file when Write returns, so that a
// killed run keeps what it has.
type Writer struct {
	file     *os.File
	Requests *measure.RequestsWriter // one goroutine uses it
}

// NewWriter creates both files in dir.
func NewWriter(dir string) (*Writer, error) {
	f, err := os.Create(filepath.Join(dir, File))
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r, err := measure.NewRequestsWriter(dir)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Writer{f, r}, nil
}

// Write appends one line.
func (w *Writer) Write(l Line) error {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = w.file.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Close completes both files.
func (w *Writer) Close() error {
	err := w.Requests.Close()
	if e := w.file.Close(); err == nil && e != nil {
		err = fmt.Errorf("record: %w", e)
	}
	return err
}
