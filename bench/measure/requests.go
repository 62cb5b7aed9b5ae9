package measure

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

const (
	maxLine     = 4 << 10
	maxRequests = 50_000_000 // a day and more at a lab's rate; a bound against a bomb
)

// ReadRequests reads requests.jsonl.gz strictly. A stream that was cut short is a *CutError.
func ReadRequests(r io.Reader) ([]load.Record, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, cutAfter(0, nil, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	var all []load.Record
	for lines.Scan() {
		rec, err := parseRecord(lines.Bytes())
		if err != nil {
			return nil, inLine(len(all)+1, cutAfter(len(all), lines, err))
		}
		if len(all) == maxRequests {
			return nil, fmt.Errorf("more than %d lines", maxRequests)
		}
		all = append(all, rec)
	}
	if err := lines.Err(); err != nil {
		return nil, inLine(len(all)+1, cutAfter(len(all), nil, err))
	}
	return all, nil
}

// parseRecord reads one line and checks what no reader should have to check again.
func parseRecord(b []byte) (load.Record, error) {
	l, err := load.ParseLine(b)
	r := l.Record
	switch {
	case err != nil:
		return r, err
	case l.Event != "" || l.Lost != 0 || l.Message != "" || l.At != 0:
		return r, fmt.Errorf("an event, not a record")
	case r.Flow < 0 || r.Seq < load.Break:
		return r, fmt.Errorf("flow %d, sequence number %d", r.Flow, r.Seq)
	case r.Planned < 0 || r.Sent < 0 || r.Done < r.Planned || r.Done > maxTime:
		return r, fmt.Errorf("flow %d: times out of order", r.Flow)
	case r.Seq == load.Break && r.Error == "":
		return r, fmt.Errorf("flow %d: a break without a cause", r.Flow)
	}
	return r, nil
}

// RequestsWriter writes requests.jsonl.gz. One goroutine uses it; Close it.
type RequestsWriter struct {
	file *os.File
	zip  *gzip.Writer
	buf  *bufio.Writer
	line []byte
}

// NewRequestsWriter creates the file in dir.
func NewRequestsWriter(dir string) (*RequestsWriter, error) {
	f, err := os.Create(filepath.Join(dir, RequestsFile))
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	// The fastest level: the writer shares two cores with what it records.
	z, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
	return &RequestsWriter{file: f, zip: z, buf: bufio.NewWriterSize(z, 64<<10)}, nil
}

// Write appends one record. Its error stays, and Close returns it as well.
func (w *RequestsWriter) Write(r load.Record) error {
	w.line = append(r.AppendJSON(w.line[:0]), '\n')
	_, err := w.buf.Write(w.line)
	return err
}

// Close completes the file.
func (w *RequestsWriter) Close() error {
	err := w.buf.Flush()
	if e := w.zip.Close(); err == nil {
		err = e
	}
	if e := w.file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
