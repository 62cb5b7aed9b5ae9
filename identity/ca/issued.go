package ca

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Issued is one SVID that was signed: what everybody may know of it.
type Issued struct {
	Identity  identity.ID `json:"identity"`
	PublicKey []byte      `json:"publicKey"` // SubjectPublicKeyInfo, DER
	NotAfter  time.Time   `json:"notAfter"`
}

// IssuedLog is a file with a JSON line for each SVID. Its Add is for Options.Issued.
type IssuedLog struct {
	mu   sync.Mutex // one line at a time
	file *os.File
}

// OpenIssued opens the file for appending, and makes it if need be.
func OpenIssued(path string) (*IssuedLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("issued log: %w", err)
	}
	return &IssuedLog{file: f}, nil
}

// Add appends one.
func (l *IssuedLog) Add(i Issued) error {
	b, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("issued log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("issued log: %w", err)
	}
	return nil
}

// Close closes the file. A nil log has none.
func (l *IssuedLog) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}

// maxIssuedLine is many times what a line is.
const maxIssuedLine = 16 << 10

// ReadIssued reads what an IssuedLog wrote, strictly.
func ReadIssued(r io.Reader) ([]Issued, error) {
	var all []Issued
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxIssuedLine)
	for lines.Scan() {
		i, err := parseIssued(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("issued log, line %d: %w", len(all)+1, err)
		}
		all = append(all, i)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("issued log: %w", err)
	}
	return all, nil
}

func parseIssued(line []byte) (Issued, error) {
	var i Issued
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&i); err != nil {
		return i, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return i, errors.New("more than one value")
	}
	if i.Identity == (identity.ID{}) || i.NotAfter.IsZero() {
		return i, errors.New("identity or notAfter is missing")
	}
	_, err := x509.ParsePKIXPublicKey(i.PublicKey)
	return i, err
}
