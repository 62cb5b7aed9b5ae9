package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
)

func TestBenchMisuse(t *testing.T) {
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
		{[]string{"isolation", "--pods", "0"}, "use 1 to 200"},
		{[]string{"isolation", "--pods", "10,1000"}, "use 1 to 200"},
		{[]string{"isolation", "--pods", "10,10"}, "given twice"},
		{[]string{"isolation", "--pods", "ten"}, "ten"},
		{[]string{"isolation", "--pods", ""}, "--pods"},
		{[]string{"isolation", "--isolation", "sidecars"}, "use one of none, sidecar"},
		{[]string{"isolation", "--isolation", ""}, "no isolation"},
		{[]string{"isolation", "--repeat", "0"}, "outside 1 to 100"},
		{[]string{"isolation", "--load", "1ms"}, "outside 1s to 1h"},
		{[]string{"isolation", "--settle", "2h"}, "outside 0 to 1h"},
		{[]string{"isolation", "--speed", "11"}, "unknown flag: --speed"},
		{[]string{"isolation", "all"}, "all"},
		{[]string{"isolations"}, "isolations"},
		{[]string{"isolation", "--out", file}, "--out"},
	} {
		args := append([]string{"bench"}, tc.args...)
		if !slices.Contains(args, "--out") && slices.Contains(args, "isolation") {
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

// The worker's flags are the outer command's: what one accepts the other does.
func TestBenchArgsThereAndBack(t *testing.T) {
	f := benchFlags{pods: []int{3, 7}, isolations: []string{"shared", "none"}, repeat: 4, seed: -3, load: 90 * time.Second, settle: 3 * time.Second}
	c := newBenchWorker()
	if err := c.ParseFlags(f.args("/record", true)[1:]); err != nil {
		t.Fatal(err)
	}
	var again benchFlags
	again.pods, _ = c.Flags().GetIntSlice("pods")
	again.isolations, _ = c.Flags().GetStringSlice("isolation")
	again.repeat, _ = c.Flags().GetInt("repeat")
	again.seed, _ = c.Flags().GetInt64("seed")
	again.load, _ = c.Flags().GetDuration("load")
	again.settle, _ = c.Flags().GetDuration("settle")
	if !slices.Equal(again.pods, f.pods) || !slices.Equal(again.isolations, f.isolations) ||
		again.repeat != f.repeat || again.seed != f.seed || again.load != f.load || again.settle != f.settle {
		t.Errorf("%+v became %+v", f, again)
	}
}

// bench is a small run with everything real. What is exact on any machine is checked,
// and that the report prints what the run printed.
func (b built) bench(t *testing.T) {
	c, out := b.command(t, "bench", "isolation", "--pods", "3", "--isolation", "workload", "--repeat", "1", "--load", "1s")
	var table, progress bytes.Buffer
	c.Stdout, c.Stderr = &table, &progress
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	t.Logf("\n%s", table.String())
	dir := recordIn(t, out, cost.File)
	if again, sentence, code := try("report", dir); code != 0 || again != table.String() {
		t.Errorf("report: exit %d %s; it prints\n%s", code, sentence, again)
	}
	doc, err := cost.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Result.Invalid) > 0 || len(doc.Result.Sizes) != 1 || len(doc.Result.Sizes[0].Rows) != 2 {
		t.Fatalf("%+v", doc.Result)
	}
	none, workload := doc.Result.Sizes[0].Rows[0].Numbers, doc.Result.Sizes[0].Rows[1].Numbers
	for name, want := range map[string]float64{
		"processes": 5, "streams": 1, "csrs_at_start": 3, "replaced": 3, "long_lived": 3, "cut": 3, "replace_failed_new": 0,
	} {
		if s := workload[name]; s == nil || s.Median != want {
			t.Errorf("workload: %s is %+v, want %v", name, s, want)
		}
	}
	for _, name := range []string{
		"threads", "pss_anchor_bytes", "pss_keeper_bytes", "pss_cells_bytes", "private_cells_bytes", "idle_cpu_percent",
		"cpu_per_1000_ns", "first_request_first_ns", "first_request_replica_ns", "messages", "pushed_bytes", "read_bytes", "replace_ns",
	} {
		if s := workload[name]; s == nil || s.Low <= 0 {
			t.Errorf("workload: %s is %+v, want more than 0", name, s)
		}
	}
	for _, name := range []string{"processes", "pss_bytes", "cpu_per_1000_ns", "streams", "csrs_at_start", "pushed_bytes"} {
		if s := none[name]; s == nil || s.High != 0 {
			t.Errorf("none: %s is %+v, want 0", name, s)
		}
	}
	printed, _, code := try("report", "--json", dir)
	var parsed struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal([]byte(printed), &parsed); code != 0 || err != nil || parsed.Schema != cost.ResultSchema {
		t.Errorf("--json: exit %d, %v, schema %q", code, err, parsed.Schema)
	}
}

// benchInterrupted: Ctrl-C in the middle of a turn; the record is kept and says so.
func (b built) benchInterrupted(t *testing.T) {
	c, out := b.command(t, "bench", "isolation", "--pods", "3", "--isolation", "workload", "--repeat", "1", "--load", "1s")
	progress, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := interruptAt(progress, "workload: idle", c.Process)
	err = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d (%v), want %d\n%s", code, err, exitInterrupted, said)
	}
	dir := recordIn(t, out, cost.File)
	doc, err := cost.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(doc.Result.Invalid, []string{"the run did not end: it was interrupted"}) {
		t.Errorf("the record says %q", doc.Result.Invalid)
	}
	if !strings.Contains(said, "bulkhead report "+dir) {
		t.Errorf("it does not say where the record is:\n%s", said)
	}
}
