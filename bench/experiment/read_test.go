package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
)

func TestLeast(t *testing.T) {
	e, err := Read("testdata/good/least.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Of("crash")
	if d := cmp.Diff(want, e); d != "" {
		t.Errorf("what is left out is not as the catalogue has it: %s", d)
	}
}

// TestBroken also has the sentence, with the line, and what to do.
func TestBroken(t *testing.T) {
	for _, file := range files(t, "broken") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# want: "), "\n")
		refused(t, file, string(text), file+want)
	}
}

func refused(t *testing.T, file, text, want string) {
	t.Helper()
	_, err := Parse(file, []byte(text))
	var misuse interface{ Misuse() bool }
	if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
		!errors.As(err, &misuse) || !misuse.Misuse() {
		t.Errorf("%v\nwant one sentence that begins with\n%s", err, want)
	}
}

// What YAML itself, the bounds of times and what must fit together refuse, no schema can say.
func TestBrokenBeyondSchema(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "f: it is empty"},
		{"# nothing\n", "f: it is empty"},
		{"method: {fault: crash", "f:1: this is no YAML"},
		{"a: b: c", "f: this is no YAML"},
		{"method: {fault: crash}\n---\nmethod: {fault: oom}", "f:"},
		{"method: {fault: crash}\nseed: 1\nseed: 2", "f:3: seed: given twice"},
		{"method:\n  fault: crash\n  fault: oom", "f:3: method.fault: given twice"},
		{"method: {fault: crush}", "f:1: method.fault: fault \"crush\" is not known: use one of crash"},
		{"method:\n  fault: crash\n  for: 4s", "f:3: method.for: crash has no length"},
		{"method:\n  fault: crash\n  times: 4", "f:3: method.times: crash has no strength"},
		{"method:\n  fault: crash\n  sweep: [0, 1]", "f:3: method.sweep: crash has no strength"},
		{"method: {fault: key-theft}\nrepeats: 2", "f:2: repeats: key-theft has nothing of the kind"},
		{"method: {fault: crash}\nsteady: {for: 1h}", "f:2: steady.for: 1h0m0s is outside 100ms to 1m0s"},
		{"method: {fault: crash}\nsteady: {for: 50s}", "f:2: steady.for: 50s is longer than steady.within"},
		{"method: {fault: crash}\nload: {period: 1s}", "f:2: load.period: 1s is outside 10ms to 100ms"},
		{"method: {fault: crash}\nload:\n  long: 13", "f:3: load.long: 13 long-lived connections: use 14 or more"},
		{"method: {fault: crash}\nload:\n  new: 20", "f:3: load.new: 20 new connections per second: use 140 or more"},
		{"method: {fault: crash}\nculprit: a/b", "f:2: culprit: \"a/b\" is no pod of the topology: use one of tenant-a/web"},
		{"method: {fault: crash}\nisolations: [none, none]", "f:2: isolations[1]: none is given twice"},
		{"method: {fault: crash}\ngraph: {edges: [{from: tenant-a/web, to: x/y}]}", "f:2: graph.edges[0].to: \"x/y\" is no pod"},
		{"method: {fault: crash}\ngraph: {edges: [{from: tenant-a/web, to: tenant-a/web}]}", "f:2: graph.edges[0]: a pod that asks itself"},
		{"method: {fault: crash}\ngraph: {edges: [{from: tenant-a/web, to: tenant-b/web}]}", "f:2: graph.edges[0]: it leads from namespace tenant-a to tenant-b: give it a name"},
		{"method: {fault: crash}\nculprit: a/b\ntopology: {nodes: 1, pods: [{namespace: a, app: b, node: 1, ipv6: false}, {namespace: a, app: c, node: 1}]}\ngraph: {edges: [{from: a/c, to: a/b, ipv6: true}]}",
			"f:4: graph.edges[0].ipv6: a/b has no IPv6 address"},
		{"method: {fault: crash}\nculprit: a/a\ntopology:\n  nodes: 1\n  pods:\n  - {namespace: a, app: a, node: 2}\n  - {namespace: a, app: b, node: 1}", "f:6: topology.pods[0].node: 2 is no node: use 1 to 1"},
		{"method: {fault: crash}\nculprit: a/a\ntopology:\n  nodes: 1\n  pods:\n  - {namespace: a, app: a, node: 1}\n  - {namespace: a, app: a, node: 1}", "f:7: topology.pods[1]: a/a is given twice"},
		{"method: {fault: crash}\nculprit: a/a\ntopology:\n  nodes: 1\n  pods:\n  - {namespace: a, app: a, node: 1}\n  - {namespace: a, app: b, node: 1}", "f:4: topology: nobody asks anybody"},
	} {
		refused(t, "f", tc.text, tc.want)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is a directory",
		big:                        "more than",
	} {
		var wrong *FileError
		if _, err := Read(file); !errors.As(err, &wrong) || wrong.File != file || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

// Every name of the catalogue is a file that means the same.
func TestCatalogueThereAndBack(t *testing.T) {
	names := []string{KeyTheft}
	for _, f := range fault.All() {
		names = append(names, f.Name())
	}
	for _, name := range names {
		e, err := Of(name)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(name, e.YAML())
		if d := cmp.Diff(e, again); err != nil || d != "" {
			t.Errorf("%s: %v: %s\n%s", name, err, d, e.YAML())
		}
	}
	var unknown *fault.UnknownError
	if _, err := Of("crush"); !errors.As(err, &unknown) {
		t.Errorf("crush: %v", err)
	}
}

func TestSweep(t *testing.T) {
	e, _ := Of("noisy-neighbour")
	e.Method.Sweep = []int{0, 1, 8}
	all := e.Each()
	if len(all) != 3 || all[2].Name != "noisy-neighbour-8x" || *all[2].Method.Times != 8 || all[2].Method.Sweep != nil {
		t.Errorf("%+v", all)
	}
	if *all[0].Method.Times != 0 || *all[1].Method.Times != 1 {
		t.Error("strengths are shared")
	}
	e.Method.Sweep = nil
	if all := e.Each(); len(all) != 1 || all[0].Name != e.Name {
		t.Errorf("%+v", all)
	}
}

// Lengths reach the faults that have them.
func TestForReachesTheFault(t *testing.T) {
	for _, f := range fault.All() {
		if !HasLength(f) {
			continue
		}
		timed := f.(fault.Timed)
		e, err := Of(f.Name())
		if err != nil || time.Duration(e.Method.For) != timed.Lasts() {
			t.Errorf("%s: %v, %v; want %v", f.Name(), time.Duration(e.Method.For), err, timed.Lasts())
		}
		e.Method.For = Duration(7 * time.Second)
		got, err := e.Fault()
		if l, ok := got.(fault.Lasting); err != nil || !ok || l.Lasts() != 7*time.Second {
			t.Errorf("%s: %v, %v; want 7s", f.Name(), got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range append(files(f, "good"), files(f, "broken")...) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a]\nmethod: *a"))
	f.Add([]byte("<<: {a: b}\n? [a]\n: b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := Parse("f", text)
		if err != nil {
			var wrong *FileError
			if !errors.As(err, &wrong) || strings.Contains(err.Error(), "\n") {
				t.Errorf("no sentence: %v", err)
			}
			return
		}
		again, err := Parse("f", e.YAML())
		if d := cmp.Diff(e, again); err != nil || d != "" {
			t.Errorf("it is written as something else: %v: %s", err, d)
		}
		if _, err := e.Fault(); err != nil && e.Method.Fault != KeyTheft {
			t.Errorf("no fault: %v", err)
		}
	})
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
	if err != nil || len(all) == 0 {
		t.Fatalf("testdata/%s: %v", dir, err)
	}
	return all
}
