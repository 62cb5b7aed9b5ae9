package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadSidecar: where the SVID is from is said once, and what is wrong is said.
func TestLoadSidecar(t *testing.T) {
	const base = "workload: a/web\nmesh: /m.yaml\n"
	for name, c := range map[string]struct{ text, wrong string }{
		"a CA":              {base + "ca: {socket: /ca.sock, token: /t}\n", ""},
		"an agent":          {base + "agent: unix:///run/spire/agent.sock\n", ""},
		"an agent over TCP": {base + "agent: tcp://127.0.0.1:8081\n", ""},
		"neither":           {base, "ca.socket is missing"},
		"both":              {base + "ca: {socket: /ca.sock, token: /t}\nagent: unix:///a.sock\n", "either ca, or the agent"},
		"a bare path":       {base + "agent: /run/spire/agent.sock\n", "scheme"},
		"migrate alone":     {base + "agent: unix:///a.sock\ntunnels: {migrate: on}\n", "say quic: on, too"},
		"an unknown key":    {base + "agnet: unix:///a.sock\n", "agnet"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sidecar.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := loadSidecar(path)
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("got %v, want %q", err, c.wrong)
			}
		})
	}
}
