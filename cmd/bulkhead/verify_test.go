package main

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// verdictAt is a keeper that has one workload, a/web, and finds what it is told to.
func verdictAt(t *testing.T, findings ...admin.Finding) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /who", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(admin.Node{Node: "n"}) })
	m.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		if uid := r.URL.Query().Get("workload"); uid != "" && uid != "a/web" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(admin.Verdict{Node: "n", Workloads: 1, Checks: 9, Findings: findings})
	})
	s := &http.Server{Handler: m}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return socket
}

func TestVerifySaysByItsExitCodeWhatItFound(t *testing.T) {
	well, ill := verdictAt(t), verdictAt(t, admin.Finding{Workload: "a/web", Cell: "shared", Check: admin.CheckDeny, Found: "served"})
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"nothing":          {[]string{"--admin", well}, exitOK},
		"a finding":        {[]string{"--admin", well, "--admin", ill}, exitFailure},
		"as JSON":          {[]string{"--admin", ill, "--json"}, exitFailure},
		"one workload":     {[]string{"--admin", well, "--workload", "a/web"}, exitOK},
		"another's":        {[]string{"--admin", well, "--workload", "b/web"}, exitMisuse},
		"no keeper":        {[]string{"--admin", well + ".gone"}, exitMisuse},
		"unknown argument": {[]string{"a/web", "--admin", well}, exitMisuse},
	} {
		t.Run(name, func(t *testing.T) {
			if code := run(append([]string{"verify"}, c.args...)); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
		})
	}
	var out strings.Builder
	err := writeVerdicts(&out, []admin.Verdict{{Node: "n", Findings: []admin.Finding{{Workload: "a/web", Cell: "shared", Check: "deny", Found: "served"}}, Outside: []string{"a/out"}}})
	if err != nil || !strings.Contains(out.String(), "1 FINDINGS") || !strings.Contains(out.String(), "a/out") || !strings.Contains(out.String(), "served") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
