package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/remains"
)

func TestCleanMisuse(t *testing.T) {
	for _, args := range [][]string{
		{"verify", "--clean", "--workload", "a/web"},
		{"verify", "--clean", "--netns", "/nowhere"},
		{"verify", "--cgroup", "x"},
	} {
		if code := run(args); code != exitMisuse {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

func TestRemainsAreShown(t *testing.T) {
	var b bytes.Buffer
	r := cleanReport{Looked: remains.Looked{Processes: 7, Namespaces: 3}}
	if err := writeClean(&b, r, false); err != nil || b.String() != "7 processes and 3 network namespaces looked at: nothing of a node's proxy is left\n" {
		t.Errorf("%v, %s", err, &b)
	}
	b.Reset()
	if err := writeClean(&b, r, true); err != nil || !strings.Contains(b.String(), `"found": []`) {
		t.Errorf("%v, %s", err, &b)
	}
	b.Reset()
	r.Found = []remains.Found{{Kind: remains.Rules, Where: "net:[4]", What: "table inet bulkhead: `table`"}}
	if err := writeClean(&b, r, false); err != nil || !strings.Contains(b.String(), "1 FINDINGS") || !strings.Contains(b.String(), "rules  net:[4]  table inet bulkhead: `table`") {
		t.Errorf("%v, %s", err, &b)
	}
}

// What is left is printed, and an error.
func TestCleanFailsForWhatIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s := cleanSearch{wanted: true, proc: t.TempDir()}
	if err := s.run(&b, &nodes{at: []string{path}}, ""); !errors.Is(err, errRemains) || !strings.Contains(b.String(), path) {
		t.Errorf("%v, %s", err, &b)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.run(&b, &nodes{at: []string{path}}, ""); err != nil {
		t.Error(err)
	}
}
