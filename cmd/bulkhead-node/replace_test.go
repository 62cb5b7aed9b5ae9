package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// keeperAt answers on a socket as a keeper with the given cells does; a cell named
// broken has no successor, and one named gone is not known any more.
func keeperAt(t *testing.T, cells ...string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /cells", func(w http.ResponseWriter, _ *http.Request) {
		list := []map[string]any{}
		for _, name := range cells {
			list = append(list, map[string]any{"name": name, "workloads": []string{"w"}})
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	m.HandleFunc("POST /replace", func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ Cell string }
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			t.Error(err)
		}
		switch ask.Cell {
		case "broken":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error":"no successor"}`)
		case "gone":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"no cell"}`)
		default:
			fmt.Fprintf(w, `{"cell":%q,"fromPID":7,"pid":9,"took":"150ms","draining":3,"drain":"5s"}`, ask.Cell)
		}
	})
	s := &http.Server{Handler: m}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return socket
}

func TestReplaceShowsItsProgress(t *testing.T) {
	var out bytes.Buffer
	if err := replaceCells(t.Context(), admin.New(keeperAt(t, "a", "gone")), "", &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1/2 a: pid 7 by 9 in 150ms, 3 open connections drain for 5s at most\n", "2/2 gone: its last workload left", "2 cells replaced in "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// A successor that does not serve stops the replacement before the next cell.
func TestReplaceStopsAtTheFirstFailure(t *testing.T) {
	var out bytes.Buffer
	err := replaceCells(t.Context(), admin.New(keeperAt(t, "a", "broken", "c")), "", &out)
	if err == nil || !strings.Contains(err.Error(), "1 of 3 cells done: no successor") || strings.Contains(out.String(), "3/3") {
		t.Errorf("%v after\n%s", err, out.String())
	}
}

func TestReplaceMisuse(t *testing.T) {
	socket := keeperAt(t, "a")
	for _, args := range [][]string{{"replace"}, {"replace", "extra", "--admin", socket}, {"replace", "--admin", socket, "--cell", "gone"}, {"upgrade"}} {
		if code := run(args); code != exitMisuse {
			t.Errorf("%v: exit code %d, want %d", args, code, exitMisuse)
		}
	}
}
