package verdict

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// line is one line of the file: exactly one of these.
type line struct {
	Run    *Run    `json:"run,omitempty"`
	Sample *Sample `json:"sample,omitempty"`
	End    *End    `json:"end,omitempty"`
}

const maxLine = 1 << 20

// Read reads a record strictly: another schema, an unknown key, a line out of its place, a sample of what was not
// planned or one that is there twice are errors. A record without an end is of a run that was killed.
func Read(r io.Reader) (*Document, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	d := &Document{}
	seen := map[Sample]bool{}
	n := 0
	for in.Scan() {
		n++
		l, err := parse(in.Bytes())
		if err == nil {
			err = d.take(l, n, seen)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("after line %d: %w", n, err)
	}
	if n == 0 {
		return nil, errors.New("it is empty")
	}
	return d, nil
}

func parse(b []byte) (l line, err error) {
	// The schema by itself: what is unknown in another version is not an unknown key, and the sentence should say so.
	var is struct{ Run *struct{ Schema string } }
	if err := json.Unmarshal(b, &is); err != nil {
		return l, err
	}
	if is.Run != nil && is.Run.Schema != Schema {
		return l, &document.SchemaError{File: File, Found: is.Run.Schema, Wanted: Schema}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return l, d.Decode(&l)
}

// take adds the n-th line.
func (d *Document) take(l line, n int, seen map[Sample]bool) error {
	switch {
	case (n == 1) != (l.Run != nil):
		return errors.New("a record begins with its run, and has one")
	case l.Run != nil && l.Sample == nil && l.End == nil:
		d.Run = *l.Run
		return l.Run.check()
	case d.End != nil:
		return errors.New("a line after the end")
	case l.Run == nil && l.Sample != nil && l.End == nil:
		key := *l.Sample
		key.Value = 0
		if seen[key] {
			return fmt.Errorf("%s of %s in row %s, round %d is there twice", key.Metric, key.Subject, key.Row, key.Round)
		}
		if len(d.Samples) == maxSamples {
			return fmt.Errorf("more than %d samples", maxSamples)
		}
		seen[key] = true
		d.Samples = append(d.Samples, *l.Sample)
		return l.Sample.check(&d.Run)
	case l.Run == nil && l.Sample == nil && l.End != nil:
		d.End = l.End
		return nil
	}
	return errors.New("not one thing in one line")
}

// Writer writes a record: each line is in the file when a method returns, so that a killed run keeps what it has. One
// goroutine uses it.
type Writer struct {
	file *os.File
	run  Run
}

// NewWriter creates the file in dir with the run, whose Schema it sets.
func NewWriter(dir string, r Run) (*Writer, error) {
	r.Schema = Schema
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	f, err := os.Create(filepath.Join(dir, File))
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	w := &Writer{f, r}
	if err := w.put(line{Run: &r}); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// Write appends one sample.
func (w *Writer) Write(s Sample) error {
	if err := s.check(&w.run); err != nil {
		return fmt.Errorf("record: sample %+v: %w", s, err)
	}
	return w.put(line{Sample: &s})
}

// End appends the end.
func (w *Writer) End(e End) error { return w.put(line{End: &e}) }

// Close closes the file.
func (w *Writer) Close() error {
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

func (w *Writer) put(l line) error {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = w.file.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
