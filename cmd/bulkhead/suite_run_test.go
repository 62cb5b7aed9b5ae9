package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// small is an experiment in a topology of its own: two pods on one node.
const small = `
name: small
method: {fault: crash}
culprit: shop/db
topology:
  nodes: 1
  pods: [{namespace: shop, app: web, node: 1}, {namespace: shop, app: db, node: 1}]
graph: {edges: [{from: shop/web, to: shop/db}]}
`

// suite is two drills in one lab and one in another, of a file.
func (b built) suite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	c, out := b.drill(t, "null", "crash", file, "--isolation", "workload")
	var table, progress bytes.Buffer
	c.Stdout, c.Stderr = &table, &progress
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	if n := strings.Count(progress.String(), "lab: network: "); n != 2 {
		t.Errorf("%d labs, want 2\n%s", n, progress.String())
	}
	dir := recordIn(t, out, suite.File)
	s := suiteIn(t, dir)
	if len(s.Entries) != 3 || s.Aborted != "" || !strings.HasPrefix(s.Command, "bulkhead drill run null crash ") {
		t.Errorf("%+v", s)
	}
	for _, e := range s.Entries {
		run, _, err := measure.Read(filepath.Join(dir, e.Dir))
		if err != nil || e.Status != suite.Done || run.Aborted != "" || len(run.Segments) == 0 {
			t.Errorf("%s: %s %s, %v", e.Name, e.Status, e.Why, err)
		}
		if e.Name == "small" && (len(run.Workloads) != 4 || run.Culprit != "shop/db") { // two sentinels
			t.Errorf("small is not of its own topology: %+v", run.Workloads)
		}
	}
	if again, _, code := try("report", dir); code != 0 || again != table.String() {
		t.Errorf("report: exit %d; it prints\n%s\nthe suite printed\n%s", code, again, table.String())
	}
	nothingIsLeft(t)
}

// suiteInterrupted: Ctrl-C in the second of three drills.
func (b built) suiteInterrupted(t *testing.T) {
	c, out := b.drill(t, "null", "crash", "hang", "--isolation", "workload")
	var table bytes.Buffer
	c.Stdout = &table
	progress, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := interruptAt(progress, "[2/3", c.Process)
	err = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d (%v), want %d\n%s", code, err, exitInterrupted, said)
	}
	dir := recordIn(t, out, suite.File)
	s := suiteIn(t, dir)
	count := map[string]int{}
	for _, e := range s.Entries {
		count[e.Status]++
		if e.Status == suite.NotRun {
			continue
		}
		run, _, err := measure.Read(filepath.Join(dir, e.Dir))
		if err != nil || (e.Status == suite.Aborted) != (run.Aborted == "it was interrupted") {
			t.Errorf("%s: %s, %v", e.Name, e.Status, err)
		}
	}
	if count[suite.Done] != 1 || count[suite.Aborted] != 1 || count[suite.NotRun] != 1 || s.Aborted != "it was interrupted" {
		t.Errorf("%v, aborted %q", count, s.Aborted)
	}
	if !strings.Contains(said, "what it recorded is in "+dir) || !strings.Contains(table.String(), "it was interrupted") {
		t.Errorf("it does not say what became of it:\n%s\n%s", said, table.String())
	}
	nothingIsLeft(t)
}

func suiteIn(t *testing.T, dir string) *suite.Suite {
	t.Helper()
	s, err := suite.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nothingIsLeft: processes, namespaces and rules go with a lab's first process; directories
// and cgroups do not.
func nothingIsLeft(t *testing.T) {
	t.Helper()
	dir, err := base()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{filepath.Join(dir, "bulkhead-lab-*"), "/sys/fs/cgroup/bulkhead-lab-*", "/sys/fs/cgroup/*/bulkhead-lab-*"} {
		left, err := filepath.Glob(pattern)
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}
