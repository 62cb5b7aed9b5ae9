package verdict

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// started is when all runs of the tests did.
var started = time.Date(2026, 11, 25, 17, 15, 0, 0, time.UTC)

func smallRun() Run {
	return Run{
		Schema: Schema, Started: started, Build: "v1", Go: "go1.26.8", Kernel: "6.18", CPU: "AMD EPYC", CPUs: 2, Rounds: 2, Seed: 7,
		Placement: "one core a side",
		Subjects:  []Subject{{Bulkhead, "v1"}, {"nginx-tuned", "1.22.1"}}, Rows: Rows()[:2],
	}
}

func TestSavedIsRead(t *testing.T) {
	dir := t.TempDir()
	d := &Document{
		Run: smallRun(), End: &End{Notes: []string{"a spinner was busy"}},
		Samples: []Sample{{0, Up1, Bulkhead, Throughput, 640}, {0, Up1, "nginx-tuned", Throughput, 512.5}, {1, Up1, Bulkhead, CPUPerGiB, 1.5}},
	}
	if In(dir) {
		t.Error("an empty directory holds a record")
	}
	if err := d.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" || !In(dir) {
		t.Errorf("(-saved +read):\n%s", diff)
	}
}

func TestRecordsAreReadStrictly(t *testing.T) {
	dir := t.TempDir()
	if err := (&Document{Run: smallRun(), Samples: []Sample{{0, Up1, Bulkhead, Throughput, 640}}, End: &End{}}).Save(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(text)), "\n")
	run, sample, end := lines[0], lines[1], lines[2]+"\n"
	for name, bad := range map[string]string{
		"nothing":          "",
		"no run":           sample,
		"two runs":         run + run,
		"twice":            run + sample + sample,
		"after the end":    run + end + sample,
		"two things":       run + `{"sample":{"round":1,"row":"up1","subject":"bulkhead","metric":"m","value":1},"end":{}}`,
		"no thing":         run + "{}",
		"unknown key":      run + `{"extra":1}`,
		"cut off":          run + sample[:20],
		"unplanned round":  run + strings.Replace(sample, `"round":0`, `"round":2`, 1),
		"unplanned row":    run + strings.Replace(sample, `"up1"`, `"up2"`, 1),
		"unplanned":        run + strings.Replace(sample, `"bulkhead"`, `"squid"`, 1),
		"too little":       run + strings.Replace(sample, `640`, `1e-300`, 1),
		"too much":         run + strings.Replace(sample, `640`, `1e300`, 1),
		"no rounds":        strings.Replace(run, `"rounds":2`, `"rounds":0`, 1),
		"a bar of nothing": strings.Replace(run, `"bar":1,`, `"bar":0,`, 1),
		"no direction":     strings.Replace(run, `"better":"more"`, `"better":"high"`, 1),
		"a blank":          strings.Replace(run, `"name":"nginx-tuned"`, `"name":"nginx tuned"`, 1),
	} {
		if d, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: %+v was accepted", name, d)
		}
	}
	var schema *document.SchemaError
	if _, err := Read(strings.NewReader(strings.Replace(run, "/v1", "/v2", 1))); !errors.As(err, &schema) {
		t.Errorf("another version: %v", err)
	}
	if d, err := Read(strings.NewReader(run + sample)); err != nil || d.End != nil {
		t.Errorf("of a killed run: %+v, %v", d, err)
	}
	var none *document.NoRecordError
	if _, err := Open(t.TempDir()); !errors.As(err, &none) {
		t.Errorf("%v", err)
	}
}

// TestWriterRefusesWhatNobodyCouldRead: a mistake of the run shows when it is made.
func TestWriterRefusesWhatNobodyCouldRead(t *testing.T) {
	if _, err := NewWriter(t.TempDir(), Run{}); err == nil {
		t.Error("an empty run was accepted")
	}
	w, err := NewWriter(t.TempDir(), smallRun())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write(Sample{0, "up2", Bulkhead, Throughput, 1}); err == nil {
		t.Error("a sample of no row was accepted")
	}
}

func TestRowsAreSound(t *testing.T) {
	r := smallRun()
	r.Rows = Rows()
	if err := r.check(); err != nil {
		t.Error(err)
	}
	for _, row := range Rows() {
		if reached := row.Goal >= row.Bar; reached != (row.Better == More) || better(row.Metric) != row.Better {
			t.Errorf("%s, %s: bar %v, goal %v, %s is better", row.Name, row.Metric, row.Bar, row.Goal, row.Better)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	dir := f.TempDir()
	seed := &Document{Run: smallRun(), Samples: []Sample{{0, Up1, Bulkhead, Throughput, 640}, {0, Up1, "nginx-tuned", Throughput, 512}}, End: &End{}}
	if err := seed.Save(dir); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		f.Fatal(err)
	}
	b.Write(text)
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		if err := d.Save(t.TempDir()); err != nil {
			t.Errorf("what was read is not saved: %v", err)
		}
		if _, err := d.JSON(); err != nil || d.Table() == "" || d.Benchstat() == "" {
			t.Errorf("what was read is not shown: %v", err)
		}
	})
}
