package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// try runs the command in this process.
func try(args ...string) (stdout, sentence string, code int) {
	var out bytes.Buffer
	t := &tool{}
	root := t.newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.Execute()
	if err != nil {
		sentence = err.Error()
	}
	return out.String(), sentence, t.exitCode(err, nil)
}

func TestDrillMisuse(t *testing.T) {
	defer goleak.VerifyNone(t)
	out := filepath.Join(t.TempDir(), "out")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("method:\n  falt: crash\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{}, "wants a file or a name: crash or"},
		{[]string{"crash", "crash"}, "two experiments are named crash"},
		{[]string{"crash", "null", "--repeat", "0"}, "crash: repeat 0 is outside"},
		{[]string{"crush"}, "use one of crash, "},
		{[]string{"crush.yaml"}, "crush.yaml: no such file or directory"},
		{[]string{broken}, broken + ":2: method: unknown key \"falt\""},
		{[]string{"crash", broken}, "unknown key"},
		{[]string{"crash", "--quick"}, "one of the three"},
		{[]string{"--all", "--quick"}, "one of the three"},
		{[]string{"crash", "--isolation", "sidecars"}, "use one of none, sidecar, workload"},
		{[]string{"crash", "--isolation", ""}, "no isolation"},
		{[]string{"crash", "--isolation", "shared,shared"}, "given twice"},
		{[]string{"crash", "--culprit", "tenant-a/nobody"}, "tenant-a/web, tenant-a/checkout"},
		{[]string{"crash", "--restart", "never"}, "use kubelet or equal"},
		{[]string{"crash", "--time-scale", "7"}, "outside 0.001 to 1"},
		{[]string{"crash", "--time-scale", "NaN"}, "outside 0.001 to 1"},
		{[]string{"crash", "--repeat", "0"}, "outside 1 to 1000"},
		{[]string{"crash", "--speed", "11"}, "unknown flag: --speed"},
		{[]string{"null", "--out", file}, "--out"},
	} {
		args := append([]string{"drill", "run"}, tc.args...)
		if !strings.Contains(strings.Join(args, " "), "--out") {
			args = append(args, "--out", out)
		}
		_, sentence, code := try(args...)
		if code != exitMisuse || !strings.Contains(sentence, tc.want) || strings.Contains(sentence, "\n") {
			t.Errorf("%v: exit %d, %q; want exit 2 and one sentence with %q", tc.args, code, sentence, tc.want)
		}
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("misuse left %s behind", out)
	}
}

func TestReportMisuse(t *testing.T) {
	empty := t.TempDir()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"report"}, "wants a directory"},
		{[]string{"report", "--json", "--md", empty}, "use one of them"},
		{[]string{"report", empty, empty}, "holds no record"},
		{[]string{"report", empty}, empty + " holds no record: it has no run.json"},
		{[]string{"report", filepath.Join(empty, "none")}, "holds no record"},
	} {
		if _, sentence, code := try(tc.args...); code != exitMisuse || !strings.Contains(sentence, tc.want) {
			t.Errorf("%v: exit %d, %q; want exit 2 and %q", tc.args, code, sentence, tc.want)
		}
	}
	if err := os.WriteFile(filepath.Join(empty, "run.json"), []byte(`{"schema":"bulkhead.run/v9"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, sentence, code := try("report", empty); code != exitFailure || !strings.Contains(sentence, `schema "bulkhead.run/v9"`) {
		t.Errorf("another schema: exit %d, %q", code, sentence)
	}
}

// No two drills share a directory, also within one second.
func TestRecordDirs(t *testing.T) {
	out, now := filepath.Join(t.TempDir(), "a", "b"), time.Unix(1700000000, 0).UTC()
	seen := map[string]bool{}
	for range 3 {
		dir, err := newRecordDir(out, "crash", 7, now)
		if err != nil || seen[dir] {
			t.Fatalf("%s, %v", dir, err)
		}
		seen[dir] = true
	}
	for _, want := range []string{"20231114-221320-crash-7", "20231114-221320-crash-7-2", "20231114-221320-crash-7-3"} {
		if !seen[filepath.Join(out, want)] {
			t.Errorf("%s was not made: %v", want, seen)
		}
	}
}

// What was given on the command line changes every experiment, and nothing else does.
func TestFlagsChangeExperiments(t *testing.T) {
	c := &cobra.Command{}
	var f drillFlags
	f.add(c)
	err := c.ParseFlags([]string{"--isolation", "shared,none", "--culprit", "tenant-b/db", "--seed=-3", "--restart", "equal",
		"--time-scale", "0.25", "--repeat", "4", "--long", "28", "--new", "140"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.experiments(c, []string{"crash", "key-theft"})
	if err == nil || !strings.HasPrefix(err.Error(), "key-theft: isolation \"none\" has no process to steal") {
		t.Errorf("%v", err)
	}
	all, err := f.experiments(c, []string{"crash"})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := experiment.Of("crash")
	want.Isolations, want.Culprit, want.Seed, want.Repeats = []string{"shared", "none"}, "tenant-b/db", -3, 4
	want.Restart = experiment.Restart{Mode: "equal", TimeScale: 0.25}
	want.Load.Long, want.Load.New = 28, 140
	if d := cmp.Diff(want, all[0]); d != "" {
		t.Error(d)
	}
	command := f.command(c, []string{"crash", "my file.yaml"})
	if command != "bulkhead drill run crash 'my file.yaml' --isolation=shared,none --culprit=tenant-b/db --seed=-3 "+
		"--restart=equal --time-scale=0.25 --repeat=4 --long=28 --new=140" {
		t.Error(command)
	}
	plain := &cobra.Command{}
	var none drillFlags
	none.add(plain)
	usual, _ := experiment.Of("crash")
	if all, err := none.experiments(plain, []string{"crash"}); err != nil || !cmp.Equal(usual, all[0]) {
		t.Errorf("%v: %s", err, cmp.Diff(usual, all[0]))
	}
}

// sameReport checks that the report prints what the drill printed.
func sameReport(t *testing.T, dir, printed string) *report.Document {
	t.Helper()
	out, sentence, code := try("report", dir)
	if code != 0 || out != printed {
		t.Errorf("report: exit %d %s; it prints\n%s\nthe drill printed\n%s", code, sentence, out, printed)
	}
	doc, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
