package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

// writes keeps each write apart.
type writes [][]byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, bytes.Clone(p))
	return len(p), nil
}

// Lines that wait leave together, whole, in order, and in pieces that a pipe takes at once.
func TestAccessLinesLeaveTogether(t *testing.T) {
	var w writes
	h := NewAccess(&w, LogConfig{}, slog.String("cell", "x"))
	log := slog.New(h)
	for i := range 100 {
		log.Info("line", "n", i, "padding", strings.Repeat("z", 100))
	}
	h.(*access).Flush()
	h.(*access).Flush()
	next := 0
	for _, p := range w {
		if len(p) > atomicWrite || p[len(p)-1] != '\n' {
			t.Errorf("a write of %d bytes, the last %q", len(p), p[len(p)-1])
		}
		for line := range bytes.Lines(p) {
			var got struct {
				N    int
				Cell string
			}
			if err := json.Unmarshal(line, &got); err != nil || got.N != next || got.Cell != "x" {
				t.Fatalf("line %q, want number %d: %v", line, next, err)
			}
			next++
		}
	}
	if next != 100 || len(w) > 10 {
		t.Errorf("%d lines in %d writes", next, len(w))
	}
}

// A line that is longer than that is written all the same.
func TestALongAccessLine(t *testing.T) {
	var w writes
	h := NewAccess(&w, LogConfig{})
	slog.New(h).Info("line", "padding", strings.Repeat("z", 3*atomicWrite))
	slog.New(h).Info("line")
	h.(*access).Flush()
	if len(w) != 2 || len(w[0]) < 3*atomicWrite {
		t.Errorf("%d writes", len(w))
	}
}
