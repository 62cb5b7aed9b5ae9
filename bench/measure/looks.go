package measure

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

// LooksFile is the third file of a record: what an operator's tool that watched the
// drill's admin sockets saw and said. Records from before have none, and nor has a drill without such sockets.
const LooksFile = "triage.jsonl.gz"

// Look is one line of it. Observation is what the sockets said: the judge does not read it,
// and `bulkhead triage --replay` diagnoses it again.
type Look struct {
	T           int64               `json:"t"`    // when the sockets had answered, of CLOCK_MONOTONIC
	Took        int64               `json:"took"` // asking and diagnosing
	Findings    []triage.Finding    `json:"findings,omitempty"`
	Observation *triage.Observation `json:"observation,omitempty"`
}

// maxLook is a line's length: a keeper's answer is at most 8 MiB, and these are far from it.
const maxLook = 64 << 20

// ReadLooks reads the looks of the record in dir, without their observations; where there
// is no such file there are none.
func ReadLooks(dir string) (all []Look, err error) {
	err = EachLook(filepath.Join(dir, LooksFile), func(l Look) error {
		l.Observation = nil
		all = append(all, l)
		return nil
	})
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", LooksFile, err)
	}
	return all, nil
}

// EachLook reads a file of looks, in its order, one at a time: together they are large.
func EachLook(path string, each func(Look) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return cutAfter(0, nil, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, maxLook)
	n := 1
	for ; lines.Scan(); n++ {
		var l Look
		err := json.Unmarshal(lines.Bytes(), &l)
		if err == nil && (l.T < 0 || l.T > maxTime || l.Took < 0 || l.Took > maxTime) {
			err = errors.New("times out of bounds")
		}
		if err != nil {
			return inLine(n, cutAfter(n-1, lines, err))
		}
		if err := each(l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return inLine(n, cutAfter(n-1, nil, err))
	}
	return nil
}

// DiagnoseAgain reads the looks of the record in dir, with findings that the rules of this
// build make of what the sockets had said: a rule that was wrong is repaired without running the drill again.
// Each segment has a watch of its own, which knows nothing of what was before.
func DiagnoseAgain(dir string, run *Run) (all []Look, err error) {
	var w *triage.Watch
	segment := -1
	err = EachLook(filepath.Join(dir, LooksFile), func(l Look) error {
		if l.Observation == nil {
			return errors.New("no observation")
		}
		if at := run.begunAt(l.T); w == nil || at != segment {
			w, segment = triage.NewWatch(), at
		}
		w.Add(*l.Observation)
		l.Findings, l.Observation = triage.Diagnose(w.Window()), nil
		all = append(all, l)
		return nil
	})
	return all, err
}

// begunAt is the segment that had begun last at a time; -1: none.
func (r *Run) begunAt(t int64) (last int) {
	last = -1
	for i, s := range r.Segments {
		if s.T0 <= t {
			last = i
		}
	}
	return last
}

// LooksWriter writes the file. It makes none before the first look; one goroutine at a
// time uses it. Close it.
type LooksWriter struct {
	dir  string
	file *os.File
	zip  *gzip.Writer
}

// NewLooksWriter writes into dir.
func NewLooksWriter(dir string) *LooksWriter { return &LooksWriter{dir: dir} }

// Write appends one look.
func (w *LooksWriter) Write(l Look) error {
	if w.file == nil {
		f, err := os.Create(filepath.Join(w.dir, LooksFile))
		if err != nil {
			return err
		}
		w.file = f
		w.zip, _ = gzip.NewWriterLevel(f, gzip.BestSpeed)
	}
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.zip.Write(append(b, '\n'))
	return err
}

// Close completes the file.
func (w *LooksWriter) Close() error {
	if w.file == nil {
		return nil
	}
	return errors.Join(w.zip.Close(), w.file.Close())
}
