package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// theft steals a cell of one workload and one of a whole node.
func (b built) theft(t *testing.T) {
	c, out := b.drill(t, "key-theft", "--isolation", "workload,shared")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	all, err := filepath.Glob(filepath.Join(out, "*", trust.File))
	if err != nil || len(all) != 1 {
		t.Fatalf("records in %s: %v, %v; want one", out, all, err)
	}
	record, err := trust.Read(filepath.Dir(all[0]))
	if err != nil {
		t.Fatal(err)
	}
	res := trust.Judge(record)
	if !strings.HasPrefix(stdout.String(), res.Table()) {
		t.Errorf("printed:\n%s\nthe record says:\n%s", stdout.String(), res.Table())
	}
	for i := range record.Subjects {
		checkTheft(t, record, res, &record.Subjects[i])
	}
	for _, f := range res.Findings {
		if strings.Contains(f, "control failed") || strings.Contains(f, "holds keys") || strings.Contains(f, "not served again") {
			t.Error(f)
		}
	}
}

// checkTheft: a cell has the keys of its pods, its keeper none, and nothing that the
// stolen cell tried outside its group succeeded.
func checkTheft(t *testing.T, record *trust.Record, res *trust.Result, s *trust.Subject) {
	t.Helper()
	pods := map[string]int{"workload": 1, "shared": 6}[s.Isolation]
	for _, row := range res.Rows {
		switch {
		case row.Subject != s.Name:
		case slices.Contains(row.Pods, record.Culprit) && (len(row.Exposed) != pods || row.Keys == 0):
			t.Errorf("%s: %s holds %d keys, of %v; want those of %d pods", s.Name, row.Process, row.Keys, row.Exposed, pods)
		case row.Role == trust.RoleKeeper && (row.Keys != 0 || len(row.Signable) == 0):
			t.Errorf("%s: %s holds %d keys and can have %d signed", s.Name, row.Process, row.Keys, len(row.Signable))
		}
	}
	tried := 0
	for _, a := range s.Attempts {
		if a.By == trust.ByCell && !record.Inside(s, a) {
			tried++
			if a.Outcome == trust.Succeeded {
				t.Errorf("%s: %s reached %s", s.Name, a.Kind, a.Target)
			}
		}
	}
	if tried < 100 {
		t.Errorf("%s: %d attempts outside the group", s.Name, tried)
	}
}
