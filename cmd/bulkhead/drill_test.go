package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

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
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{}, "crash or memory-leak or"},
		{[]string{"crash", "null"}, "crash or memory-leak or"},
		{[]string{"crush"}, "use one of crash, memory-leak"},
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

func TestDrillList(t *testing.T) {
	out, _, code := try("drill", "list")
	words := strings.Join(strings.Fields(out), " ") // columns are as wide as the longest name
	if code != 0 || !strings.Contains(words, "crash crash of the data plane") || !strings.Contains(words, "null nothing at all") {
		t.Errorf("exit %d, %q", code, out)
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

// The worker's flags are the outer command's: what one accepts the other does.
func TestDrillArgsThereAndBack(t *testing.T) {
	f := drillFlags{isolations: []string{"shared", "none"}, culprit: "tenant-b/db", seed: -3, restart: "equal", timeScale: 0.25, repeat: 4}
	c := newDrillWorker()
	args := f.args("crash", "/record", true)
	if err := c.ParseFlags(args[1:]); err != nil {
		t.Fatal(err)
	}
	var again drillFlags
	again.isolations, _ = c.Flags().GetStringSlice("isolation")
	again.culprit, _ = c.Flags().GetString("culprit")
	again.seed, _ = c.Flags().GetInt64("seed")
	again.restart, _ = c.Flags().GetString("restart")
	again.timeScale, _ = c.Flags().GetFloat64("time-scale")
	again.repeat, _ = c.Flags().GetInt("repeat")
	if strings.Join(again.isolations, ",") != "shared,none" || again.culprit != f.culprit || again.seed != f.seed ||
		again.restart != f.restart || again.timeScale != f.timeScale || again.repeat != f.repeat {
		t.Errorf("%+v became %+v", f, again)
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
