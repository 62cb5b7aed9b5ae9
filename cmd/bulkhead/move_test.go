package main

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// keeperAt answers on a socket as a keeper does that has one workload.
func keeperAt(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin-n.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	m := http.NewServeMux()
	m.HandleFunc("POST /move", func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ UID, Isolation string }
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			t.Error(err)
		}
		status, body := http.StatusOK, `{"uid":"a/web","from":"shared","to":"workload/a/web","fromPID":7,"pid":9,"waited":"0s","draining":3}`
		if ask.UID != "a/web" {
			status, body = http.StatusNotFound, `{"error":"no pod"}`
		} else if ask.Isolation != "workload" {
			status, body = http.StatusBadRequest, `{"error":"no isolation"}`
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	s := &http.Server{Handler: m}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return socket
}

func TestMoveSaysWhatHappened(t *testing.T) {
	m, err := askToMove(t.Context(), keeperAt(t), "a/web", "workload")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := m.write(&out); err != nil {
		t.Fatal(err)
	}
	want := "a/web moved from cell shared (pid 7) to cell workload/a/web (pid 9)\nnew connections waited 0s; 3 open ones drain in the old cell\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestMoveMisuse(t *testing.T) {
	socket := keeperAt(t)
	for name, args := range map[string][]string{
		"no isolation":      {"move", "a/web", "--admin", socket},
		"unknown isolation": {"move", "a/web", "--to", "sidecars", "--admin", socket},
		"unknown workload":  {"move", "b/web", "--to", "workload", "--admin", socket},
		"no workload":       {"move", "--to", "workload"},
		"no keeper":         {"move", "a/web", "--to", "workload", "--admin", socket + ".gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if code := run(args); code != exitMisuse {
				t.Errorf("exit code %d, want %d", code, exitMisuse)
			}
		})
	}
	if code := run([]string{"move", "a/web", "--to", "workload", "--admin", socket}); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
}
