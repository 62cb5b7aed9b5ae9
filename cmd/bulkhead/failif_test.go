package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

// said runs the tool and returns its exit code and what it said.
func said(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	tool := &tool{}
	root := tool.newRoot()
	var b bytes.Buffer
	root.SetOut(&b)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		b.WriteString(err.Error())
	}
	return tool.exitCode(err, nil), b.String()
}

func TestFailIfAndCompare(t *testing.T) {
	dir, err := story.Told(1).Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other := story.Told(1)
	other.Run.Culprit = "tenant-b/db"
	elsewhere, err := other.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"report " + dir, 0, "drill: crash"},
		{"report " + dir + " --fail-if workload:bystanders>0,invalid,findings>0", 0, "drill: crash"},
		{"report " + dir + " --fail-if bystanders>13", 1, "crash, shared (as ztunnel), crash, repeat 1: 14 bystander flows hit, more than 13"},
		{"report " + dir + " --fail-if nonsense", 2, "bystanders, hit"},
		{"report " + dir + " --fail-if worse", 2, "bulkhead compare"},
		{"report " + dir + " --fail-if namespace:hit>0", 2, `no record has the isolation "namespace"`},
		{"drill run crash --fail-if nonsense", 2, "bystanders, hit"},
		{"drill run key-theft --fail-if hit>0", 2, "has none"},
		{"drill run crash --fail-if namespace:bystanders>0", 2, `"namespace" is no isolation of this run: use shared, shared (as ztunnel), shared (custody on), sidecar, workload`},
		{"compare " + dir, 2, "compare wants two directories"},
		{"compare " + dir + " " + dir + " --fail-if worse,invalid", 0, "0 worse"},
		{"compare " + dir + " " + dir + " --fail-if hit>3", 1, "4 flows hit, more than 3"},
		{"compare " + dir + " " + elsewhere, 2, "another culprit"},
		{"compare " + dir + " " + t.TempDir(), 2, "holds no record"},
	} {
		code, out := said(t, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(out, tc.says) {
			t.Errorf("%s: code %d, want %d; %q is not in\n%s", tc.args, code, tc.code, tc.says, out)
		}
	}
}

// The rows of an isolation may be named as well, those of the transports that are run.
func TestFailIfOfARow(t *testing.T) {
	e, err := experiment.Of("crash")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"hit>0": true, "shared:hit>0": true, "shared (as ztunnel):hit>0": true, "sharedish:hit>0": false, "shared (or so):hit>0": false, "workload over QUIC:hit>0": false, "none:hit>0": false} {
		if err := (&failIf{[]string{text}}).meant([]experiment.Experiment{e}); (err == nil) != want || err != nil && !isMisuse(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
	e.Transports = []string{"http2", "quic"}
	if err := (&failIf{[]string{"workload over QUIC:hit>0"}}).meant([]experiment.Experiment{e}); err != nil {
		t.Error(err)
	}
}
