package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

// keeper answers on a socket of the test like one that has a dead cell, or is well. It never
// says who talks with whom, as one does whose cell hangs.
func keeper(t *testing.T, name string, sick bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	state := "up"
	if sick {
		state = "backoff"
	}
	m := http.NewServeMux()
	for q, text := range map[string]string{
		"/cells":  `[{"name":"shared","pid":3,"state":"` + state + `","workloads":["a/web"]}]`,
		"/pods":   `[{"uid":"a/web","cell":"shared"}]`,
		"/vitals": `{"node":"` + name + `","pid":2,"cells":[{"name":"shared","pid":3}],"pods":[{"uid":"a/web","node":"` + name + `"}]}`,
		"/ready":  `{"ready":true}`, "/metrics": "# nothing\n",
	} {
		m.HandleFunc("GET "+q, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	m.HandleFunc("GET /who", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("peers") != "no" {
			<-r.Context().Done()
		}
		_, _ = w.Write([]byte(`{"node":"` + name + `"}`))
	})
	s := &http.Server{Handler: m}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return path
}

func runTriage(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := newTriageCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&bytes.Buffer{})
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

func TestTriageSaysWhatIsWrong(t *testing.T) {
	well, sick := keeper(t, "n1", false), keeper(t, "n2", true)
	out, err := runTriage(t, "--admin", well, "--since", "500ms")
	if err != nil || !strings.Contains(out, "nothing is wrong") {
		t.Errorf("%q, %v", out, err)
	}
	out, err = runTriage(t, "--admin", well, "--admin", sick, "--since", "500ms")
	if err == nil || isMisuse(err) || !strings.Contains(out, "CRASH: cell n2 shared") || !strings.Contains(out, "suffers  a/web") || strings.Contains(out, "n1") {
		t.Errorf("%q, %v", out, err)
	}
	out, err = runTriage(t, "--admin", sick, "--since", "500ms", "--json")
	var all []triage.Finding
	if e := json.Unmarshal([]byte(out), &all); e != nil || len(all) != 1 || all[0].Class != triage.Crash || err == nil {
		t.Errorf("%q, %v, %v", out, err, e)
	}
}

func TestTriageMisuse(t *testing.T) {
	for name, args := range map[string][]string{
		"no such socket":     {"--admin", "/no/such.sock"},
		"too short a time":   {"--since", "1ms"},
		"no record":          {"--replay", t.TempDir()},
		"not even directory": {"--replay", "/no/such"},
	} {
		if out, err := runTriage(t, args...); !isMisuse(err) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}
