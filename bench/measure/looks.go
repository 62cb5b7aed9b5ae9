package measure

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// ReadLooks reads the looks of the record in dir; without the file there are none.
func ReadLooks(dir string) ([]Look, error) {
	f, err := os.Open(filepath.Join(dir, LooksFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	looks, err := readLooks(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", LooksFile, err)
	}
	return looks, nil
}

func readLooks(r io.Reader) (all []Look, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, maxLook)
	for lines.Scan() {
		var l struct { // without the observation, which is most of it
			T        int64
			Took     int64
			Findings []triage.Finding
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		if l.T < 0 || l.T > maxTime || l.Took < 0 || l.Took > maxTime {
			return nil, fmt.Errorf("line %d: times out of bounds", len(all)+1)
		}
		all = append(all, Look{T: l.T, Took: l.Took, Findings: l.Findings})
	}
	return all, lines.Err()
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
