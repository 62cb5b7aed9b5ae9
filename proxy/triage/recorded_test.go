package triage

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// recorded is what the admin sockets of a lab said during one segment of a drill: the first
// look is from just before the fault. Metrics that no rule reads are left out.
func recorded(t *testing.T, name string) (all []Observation) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var o Observation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Drills that were recorded: what is said first, by which look at the latest, and who must
// be among the victims and who must not.
func TestRecordedDrills(t *testing.T) {
	for _, x := range []struct {
		name    string
		path    Path
		class   Class
		by      int // look, from 0
		suffers []string
		spared  []string
	}{
		{"crash-shared-custody-on", Path{KindCell, "node-1 shared"}, Crash, 1, []string{"tenant-a/checkout", "tenant-b/web", "tenant-c/catalog"}, nil},
		{"hang-shared-as-ztunnel", Path{KindCell, "node-1 shared"}, Hang, 3, []string{"tenant-a/checkout", "tenant-c/catalog"}, nil},
		{"hang-workload", Path{KindCell, "node-1 workload/tenant-a/checkout"}, Hang, 3, []string{"tenant-a/checkout", "tenant-a/web", "tenant-a/db"}, []string{"tenant-c/catalog", "tenant-c/db"}},
		{"half-dead-shared-custody-on", Path{KindCell, "node-1 shared"}, HalfDead, 4, []string{"tenant-a/checkout", "tenant-c/catalog"}, nil},
		{"half-dead-workload", Path{KindCell, "node-1 workload/tenant-a/checkout"}, HalfDead, 4, []string{"tenant-a/checkout", "tenant-a/web"}, []string{"tenant-c/catalog", "tenant-c/db"}},
		{"slow-workload", Path{KindCell, "node-1 workload/tenant-a/checkout"}, Starved, 5, []string{"tenant-a/checkout"}, []string{"tenant-c/catalog"}},
		{"cpu-hog-workload", Path{KindCell, "node-1 workload/tenant-a/checkout"}, Starved, 5, []string{"tenant-a/checkout"}, []string{"tenant-c/catalog"}},
		{"crash-loop-shared-custody-on", Path{KindCell, "node-1 shared"}, CrashLoop, 2, []string{"tenant-a/checkout"}, nil},
		{"hang-sidecar", Path{KindCell, "sidecar/tenant-a/checkout"}, Hang, 1, []string{"tenant-a/checkout", "tenant-a/web"}, []string{"tenant-c/catalog"}},
		{"panic-shared-custody-on", Path{KindCell, "node-1 shared"}, Panic, 1, []string{"tenant-a/checkout"}, []string{"tenant-c/catalog"}},
		{"memory-leak-workload", Path{KindCell, "node-1 workload/tenant-a/checkout"}, MemoryWall, 5, []string{"tenant-a/checkout"}, []string{"tenant-c/catalog"}},
		{"partition-workload", Path{KindLink, "node-1"}, Unreachable, 1, []string{"tenant-a/checkout", "tenant-c/catalog"}, nil},
		{"latency-workload", Path{KindLink, "node-1"}, Slow, 1, []string{"tenant-a/checkout", "tenant-c/catalog"}, nil},
		{"loss-shared-as-ztunnel", Path{KindLink, "node-1"}, Lossy, 1, []string{"tenant-a/checkout", "tenant-c/catalog"}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			var w Watch
			for i, o := range recorded(t, x.name) {
				w.Add(o)
				found := Diagnose(w.Window())
				if i == 0 && len(found) > 0 {
					t.Errorf("before the fault: %v", found)
				}
				if len(found) == 0 {
					continue
				}
				f := found[0]
				if f.Path != x.path || f.Class != x.class {
					continue
				}
				if i > x.by {
					t.Errorf("it is said by look %d, want %d", i, x.by)
				}
				for _, v := range x.suffers {
					if !slices.Contains(f.Victims, v) {
						t.Errorf("%s is no victim: %v", v, f.Victims)
					}
				}
				for _, v := range x.spared {
					if slices.Contains(f.Victims, v) {
						t.Errorf("%s is a victim: %v", v, f.Victims)
					}
				}
				if len(f.Evidence) == 0 || f.Next == "" || f.Since.IsZero() {
					t.Errorf("half a finding: %+v", f)
				}
				return
			}
			t.Error("never said first")
		})
	}
}

// An undisturbed mesh, on a machine that was busy with other things.
func TestNoAlarmWhereNothingIsWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/null-*.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded nulls", err)
	}
	for _, file := range files {
		var w Watch
		for i, o := range recorded(t, filepath.Base(file[:len(file)-len(".jsonl.gz")])) {
			w.Add(o)
			if found := Diagnose(w.Window()); len(found) > 0 {
				t.Errorf("%s: look %d: %+v", file, i, found)
			}
		}
	}
}
