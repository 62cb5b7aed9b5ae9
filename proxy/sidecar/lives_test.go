package sidecar

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// cells is what the n-th process of a sidecar says of itself.
func (s *Sidecar) cells(t *testing.T) triage.Cell {
	t.Helper()
	w := httptest.NewRecorder()
	s.getCells(w, nil)
	var all []triage.Cell
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return all[0]
}

// who is what it answers when that is asked.
func (s *Sidecar) who(t *testing.T) admin.Cell {
	t.Helper()
	w := httptest.NewRecorder()
	s.getWho(w, httptest.NewRequest("GET", "/who?peers=no", nil))
	var n admin.Node
	if err := json.Unmarshal(w.Body.Bytes(), &n); err != nil || len(n.Cells) != 1 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return n.Cells[0]
}

// Restarts are counted over the processes of a sidecar: not the first start, not one after
// an end by order, and a loop is over when one has lived for a while.
func TestRestartsOutliveTheProcess(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	begin := func(restarts, inARow int, looping bool) *Sidecar {
		t.Helper()
		s := New("a/web", &fake{}, told{}, vitals.NewSigning(nil), slog.New(slog.DiscardHandler), new(slog.LevelVar))
		if err := s.Began(socket); err != nil {
			t.Fatal(err)
		}
		if c := s.cells(t); c.Restarts != restarts || c.InARow != inARow || c.Looping != looping {
			t.Errorf("%+v, want %d restarts, %d in a row, looping %v", c, restarts, inARow, looping)
		}
		if c := s.who(t); c.Restarts != restarts || c.InARow != inARow {
			t.Errorf("who: %+v, want %d restarts, %d in a row", c, restarts, inARow)
		}
		return s
	}
	begin(0, 0, false)
	begin(1, 1, false)
	begin(2, 2, false)
	begin(3, 3, true).settled()
	s := begin(4, 1, false)
	if err := s.Ended(); err != nil {
		t.Fatal(err)
	}
	if s = begin(4, 0, false); s.lives.before != vitals.EndedByOrder {
		t.Errorf("%+v", s.lives)
	}
	if err := os.WriteFile(livesFile(socket), []byte(`{"restarts": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(0, 0, false)
	begin(1, 1, false)
}

func TestNowhereToRemember(t *testing.T) {
	s := New("a/web", &fake{}, told{}, vitals.NewSigning(nil), slog.New(slog.DiscardHandler), new(slog.LevelVar))
	if err := s.Ended(); err != nil {
		t.Errorf("a sidecar that nobody asks: %v", err)
	}
	if err := s.Began(filepath.Join(t.TempDir(), "no", "such", "admin.sock")); err == nil {
		t.Error("no error")
	}
}
