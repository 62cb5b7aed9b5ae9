package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func twoNodes() []admin.Node {
	return []admin.Node{
		{Node: "node-1", PID: 4, Since: noon.Add(-time.Hour), Isolation: "shared", Mesh: admin.Mesh{Version: 3, Since: noon.Add(-time.Minute)}, Cells: []admin.Cell{{
			Name: "shared", State: "up", PID: 9, Since: noon.Add(-time.Hour), Health: admin.Well, Restarts: 1,
			Workloads: []admin.Workload{{UID: "a/one", Identity: "spiffe://c/ns/a/sa/one", Since: noon.Add(-time.Hour), Open: 2}, {UID: "a/two", Since: noon.Add(-time.Second), Instead: "passthrough"}},
			Peers:     []admin.Peer{{Workload: "b/three", Node: "node-2", Open: 2}},
			Survival:  &admin.Survival{Until: noon.Add(30 * time.Minute), Identity: "spiffe://c/ns/a/sa/one"},
		}}},
		{Node: "node-2", Since: noon, Cells: []admin.Cell{{Name: "none/b/three", State: "none", Health: "not this node's: none", Workloads: []admin.Workload{{UID: "b/three"}}}}},
	}
}

func TestWhoIsAboutWhatWasAsked(t *testing.T) {
	for what, want := range map[string]string{"node-2": "node-2", "shared": "node-1", "a/two": "node-1", "b/three": "node-2"} {
		got, err := about(twoNodes(), what)
		if err != nil || len(got) != 1 || got[0].Node != want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if _, err := about(twoNodes(), "a"); !isMisuse(err) {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestWhoForPeople(t *testing.T) {
	var out strings.Builder
	if err := writeWho(&out, twoNodes(), noon); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"NODE node-1: isolation shared, keeper 4 up 1h0m0s, mesh version 3 for 1m0s from ",
		"CELL shared (pid 9): up for 1h0m0s, well, restarts 1",
		"survival budget: 30m0s without CA or control (the SVID of spiffe://c/ns/a/sa/one ends first)",
		"PLAINTEXT, NO POLICY", "the mesh does not know it", "b/three", "TALKS WITH",
		"survival budget: none, no process of this node serves it",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// --admin takes sockets and directories of them, and nothing else.
func TestWhichKeepersAreAsked(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.sock", "b.sock"} {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n := nodes{at: []string{dir, filepath.Join(dir, "a.sock")}}
	if got, err := n.sockets(); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{filepath.Join(dir, "file"), filepath.Join(dir, "gone"), t.TempDir()} {
		n.at = []string{bad}
		if got, err := n.sockets(); !isMisuse(err) {
			t.Errorf("%s: %v, %v", bad, got, err)
		}
	}
}

// The sockets of one lab are asked, those of its sidecars by who understands them; with two
// labs somebody has to say which.
func TestOneLabIsAsked(t *testing.T) {
	dir := t.TempDir()
	labs := []string{filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")}
	for _, socket := range []string{"1/admin-node-1.sock", "1/admin-node-2.sock", "1/pod-a_web/admin.sock", "2/admin-node-1.sock", "3/pod-a_web/admin.sock"} {
		path := filepath.Join(dir, socket)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		labs     []string
		sidecars bool
		want     int // sockets; 0: misuse
		says     string
	}{
		"nodes":                {labs[:1], false, 2, ""},
		"nodes and sidecars":   {labs[:1], true, 3, ""},
		"sidecars alone":       {labs[2:], true, 1, ""},
		"nodes where are none": {labs[2:], false, 0, "bulkhead lab status"},
		"two labs":             {labs[:2], false, 0, "--admin " + labs[1]},
		"one of two has nodes": {labs[1:], false, 1, ""},
		"none":                 {nil, true, 0, "bulkhead lab up"},
	} {
		got, err := (&nodes{sidecars: c.sidecars}).socketsOf(c.labs)
		if len(got) != c.want || (c.want == 0) != isMisuse(err) || c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A sidecar that is away is left out, and said to be; a keeper is not, nor is one that somebody named.
func TestSidecarsThatAreAwayAreLeftOut(t *testing.T) {
	const node, web, db = "/lab/admin-node-1.sock", "/lab/pod-a_web/admin.sock", "/lab/pod-a_db/admin.sock"
	for name, c := range map[string]struct {
		n       nodes
		sockets []string
		gone    []string
		asked   int
		misuse  bool
		fails   bool
		says    string
	}{
		"one of two":    {nodes{sidecars: true}, []string{web, db}, []string{db}, 1, false, false, db},
		"none is":       {nodes{sidecars: true}, []string{web, db}, nil, 2, false, false, ""},
		"all of them":   {nodes{sidecars: true}, []string{web, db}, []string{web, db}, 0, false, true, db},
		"a keeper":      {nodes{sidecars: true}, []string{node, web}, []string{node}, 0, true, true, ""},
		"one was named": {nodes{sidecars: true, at: []string{db}}, []string{db}, []string{db}, 0, true, true, ""},
	} {
		var said strings.Builder
		c.n.stderr = func() io.Writer { return &said }
		asked := 0
		err := c.n.askAt(t.Context(), c.sockets, func(_ context.Context, socket string, _ *admin.Client) error {
			if slices.Contains(c.gone, socket) {
				return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", unix.ECONNREFUSED)}
			}
			asked++
			return nil
		})
		if asked != c.asked || (err != nil) != c.fails || isMisuse(err) != c.misuse || !strings.Contains(said.String(), c.says) || c.says == "" && said.Len() > 0 {
			t.Errorf("%s: %d asked, %v, said %q", name, asked, err, said.String())
		}
	}
}

// A keeper that takes the question and never answers is named: of several an operator
// could not tell which one it is.
func TestAKeeperThatDoesNotAnswerIsNamed(t *testing.T) {
	at := verdictAt(t)
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, err := present(late, &nodes{at: []string{at}}); err == nil || isMisuse(err) || !strings.Contains(err.Error(), at) {
		t.Error(err)
	}
	if _, err := askToVerify(late, &nodes{at: []string{at}}, ""); err == nil || !strings.Contains(err.Error(), at) {
		t.Error(err)
	}
}
